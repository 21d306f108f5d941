// The CPU time of asynchronous work, and of its longest turn of the event loop.
import { cpuTime } from './time.js';

/** CPU time of this process, without that of other processes, in milliseconds. */
const cpuMs = (): number => Number(cpuTime()) / 1e6;

/** @returns milliseconds of CPU time */
export async function turnsOf(work: () => Promise<unknown>): Promise<{ all: number; longest: number }> {
  let isOver = false;
  let longest = 0;
  let last = cpuMs();
  const look = (): void => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  const begun = cpuMs();
  await work();
  const all = cpuMs() - begun;
  isOver = true;
  return { all, longest };
}
