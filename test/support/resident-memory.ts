// Resident memory of a process, and collection of its garbage before it is measured.
import { readFileSync } from 'node:fs';
import { Wire } from './wire.js';

/** Resident memory in MiB, by proc(5). @throws Error when the process has ended */
export function residentMb(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found![1]) / 1024;
}

/** Has each of the threads collect its garbage once. */
export const collectGarbage = (url: string, threads: number): Promise<void> =>
  inEach(url, threads, '/collect');

/** Has each of the threads collect its garbage again and again. @param everyMs 0: no more */
export const keepCollecting = (url: string, threads: number, everyMs: number): Promise<void> =>
  inEach(url, threads, `/collecting/${everyMs}`);

/** Requests the path until each of the threads has responded once. */
async function inEach(url: string, threads: number, path: string): Promise<void> {
  const reached = new Set<number>();
  while (reached.size < threads) {
    const wire = await Wire.open(url);
    const response = await wire.request('GET', path);
    reached.add((JSON.parse(String(response?.body)) as { thread: number }).thread);
    wire.destroy();
  }
}
