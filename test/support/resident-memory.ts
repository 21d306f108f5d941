// Resident memory of a process, and collection of its garbage before it is measured.
import { readFileSync } from 'node:fs';
import { Wire } from './wire.js';

/** Resident memory in MiB, by proc(5). @throws Error when the process has ended */
export function residentMb(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found![1]) / 1024;
}

/** Requests `/collect` until each of the threads has responded once. */
export async function collectGarbage(url: string, threads: number): Promise<void> {
  const collected = new Set<number>();
  while (collected.size < threads) {
    const wire = await Wire.open(url);
    const response = await wire.request('GET', '/collect');
    collected.add((JSON.parse(String(response?.body)) as { thread: number }).thread);
    wire.destroy();
  }
}
