// A table of rate limits in a part of its own (part.ts), without the block of the process: for programs that
// use only the rate limiter of Multilane.
import { type Clock, sharedClock } from '../clock.js';
import { NameTable } from '../name-table.js';
import { Part, type PartMemory } from '../part.js';
import { oneRegion } from './rate-regions.js';
import { RateTable } from './rate-table.js';

export interface RateMemory {
  readonly table: RateTable;
  /** The names of limits, with the numbers that all threads that use a name must agree on. */
  readonly names: NameTable;
}

/**
 * The average number of keys in a bucket. A bucket has rows for six keys; with this average fewer than one
 * key in a million finds six others in its bucket, by the binomial distribution.
 */
const KEYS_PER_BUCKET = 0.43;

/** Creates the memory. @param keys the number of keys that are to have rows of their own at the same time */
export function createRateMemory(keys: number): PartMemory {
  if (!(Number.isSafeInteger(keys) && keys >= 1 && keys <= 10_000_000)) {
    throw new RangeError('rate limits: keys must be a whole number from 1 to 10,000,000');
  }
  return Part.create('rates', 2 ** Math.ceil(Math.log2(keys / KEYS_PER_BUCKET))).buffer;
}

/** The table in memory that `createRateMemory` has made. @throws Error for other memory */
export function attachRates(memory: PartMemory, clock?: Clock): RateMemory {
  const part = Part.attach('rates', memory);
  const table = new RateTable({
    regions: oneRegion(part.table('rateBuckets').words, part.words('rateLead')),
    secret: part.words('rateSecret'),
    clock: clock ?? sharedClock(part),
  });
  return { table, names: new NameTable(part, 'rate') };
}
