// A table of rate limits on its own, without the block of the process: for programs that want nothing else of
// us.
import { type Clock, sharedClock } from '../clock.js';
import { NameTable } from '../name-table.js';
import { Part, type PartMemory } from '../part.js';
import { oneRegion } from './rate-regions.js';
import { RateTable } from './rate-table.js';

export interface RateMemory {
  readonly table: RateTable;
  /** Names of limits, with the numbers that all who use the name must agree on. */
  readonly names: NameTable;
}

/**
 * The number of keys for each bucket is so low that fewer than one key in a million is the seventh or a later
 * one in its bucket, where there are rows for six: the tail of the binomial distribution for that many keys
 * thrown into the buckets.
 */
const KEYS_PER_BUCKET = 0.43;

/** @param keys that are to have a row of their own at once */
export function createRateMemory(keys: number): PartMemory {
  if (!(Number.isSafeInteger(keys) && keys >= 1 && keys <= 10_000_000)) {
    throw new RangeError('rate limits: keys must be a whole number from 1 to 10,000,000');
  }
  return Part.create('rates', 2 ** Math.ceil(Math.log2(keys / KEYS_PER_BUCKET))).buffer;
}

/** @throws Error for memory that `createRateMemory` has not made */
export function attachRates(memory: PartMemory, clock?: Clock): RateMemory {
  const part = Part.attach('rates', memory);
  const table = new RateTable({
    regions: oneRegion(part.table('rateBuckets').words, part.words('rateLead')),
    secret: part.words('rateSecret'),
    clock: clock ?? sharedClock(part),
  });
  return { table, names: new NameTable(part, 'rate') };
}
