// One monotonic clock for all threads: milliseconds since the block was created. `performance.now()` starts
// at another moment in every thread, so each thread learns its distance once, from hrtime, which is shared.
import type { Block } from './block.js';

export type Clock = () => number;

export function sharedClock(block: Pick<Block, 'epochNs'>): Clock {
  const offset = Number(process.hrtime.bigint() - block.epochNs) / 1e6 - performance.now();
  return () => performance.now() + offset;
}
