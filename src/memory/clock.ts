// One monotonic clock for all threads: milliseconds since the block was created. `performance.now()` starts
// at 0 at another moment in every thread, so each thread measures the difference once, by `process.hrtime`,
// which is the same in all threads. `performance` is imported because the global of this name is a getter,
// which costs a tenth of a microsecond per reading.
import { performance } from 'node:perf_hooks';
import type { Block } from './block.js';

/** Milliseconds on some monotonic clock. */
export type Clock = () => number;

/**
 * Measurements of the difference. A thread that is suspended between two readings measures it wrongly, so the
 * measurement with the closest readings counts.
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
