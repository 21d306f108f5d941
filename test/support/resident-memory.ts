// Resident memory of a process, and of one whose garbage has been collected.
import { readFileSync } from 'node:fs';
import { Wire } from './wire.js';

/** MiB, by proc(5). @throws Error when the process is gone */
export function residentMb(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found![1]) / 1024;
}

/** Asks for `/collect` until each of the threads has done it. */
export async function collectGarbage(url: string, threads: number): Promise<void> {
  const collected = new Set<number>();
  while (collected.size < threads) {
    const wire = await Wire.open(url);
    const answer = await wire.request('GET', '/collect');
    collected.add((JSON.parse(String(answer?.body)) as { thread: number }).thread);
    wire.destroy();
  }
}
