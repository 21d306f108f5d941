// One monotonic clock for all threads: milliseconds since the block was created. `performance.now()` starts
// at another moment in every thread, so each thread learns its distance once, from hrtime, which is shared.
// Not the global of this name: that one is a getter, a tenth of a microsecond per reading.
import { performance } from 'node:perf_hooks';
import type { Block } from './block.js';

export type Clock = () => number;

/**
 * A thread that is suspended between the two readings would keep a wrong distance, so the closest pair
 * counts.
 */
const TRIES = 16;

export function sharedClock({ epochNs }: Pick<Block, 'epochNs'>): Clock {
  let offset = 0;
  let narrowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) {
    const before = performance.now();
    const shared = Number(process.hrtime.bigint() - epochNs) / 1e6;
    const after = performance.now();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    offset = shared - (before + after) / 2;
  }
  return () => performance.now() + offset;
}
