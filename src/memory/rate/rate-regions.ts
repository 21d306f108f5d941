// The regions of the table of rate limits: each limit has a region of its own for its keys. So a client that
// fills the rows of one limit with invented keys takes no row from the clients of another limit, and shares
// no overflow row with them.
import type { Block } from '../block.js';
import { CLUSTER_LIMITS, RATE_BUCKET_WORDS, RATE_LIMITS } from '../layout.js';
import { NameTable } from '../name-table.js';
import { PartialRows } from './partial-rows.js';
import { RateBuckets } from './rate-bucket.js';
import type { Share } from './share.js';

export interface RateRegions {
  /**
   * The region of a limit. @param identity text that names the limit; the same text gives the same region in
   * every thread
   */
  of(identity: string): RateBuckets;
  /** The regions that are in use. */
  all(): readonly RateBuckets[];
}

/** How many keys have rows that carry state, and how many rows there are. */
export interface RateUsage {
  readonly inUse: number;
  readonly rows: number;
}

/** Buckets that are swept or read at a time: a millisecond of work at most. */
const BUCKETS_PER_PART = 256;

/** A single region for all limits, as programs without the block of the process use it. */
export function oneRegion(words: Int32Array, lead: Int32Array): RateRegions {
  const buckets = new RateBuckets(words, lead);
  return { of: () => buckets, all: () => [buckets] };
}

/** The fields of each kind of regions, and the number of limits with a region of their own. */
const KINDS = {
  limit: ['rateBuckets', 'rateLead', RATE_LIMITS],
  cluster: ['clusterBuckets', 'clusterLead', CLUSTER_LIMITS],
} as const;

/**
 * The regions of the process. Limits beyond the number of regions share the last one.
 * @param share for limits over several processes, whose rows have another clock: the share under which that
 *   clock was read last
 */
export function regionsOf(block: Block, share?: () => Share | undefined): RateRegions {
  const kind = share === undefined ? 'limit' : 'cluster';
  const [bucketField, leadField, limits] = KINDS[kind];
  const { words } = block.table(bucketField);
  const names = new NameTable(block, kind);
  const known = new Map<number, RateBuckets>();
  const region = (row: number): RateBuckets => {
    let buckets = known.get(row);
    if (buckets === undefined) {
      const size = block.rateBuckets * RATE_BUCKET_WORDS;
      const partial =
        share === undefined
          ? undefined
          : new PartialRows(block.words('clusterNumbers', row), block.rateBuckets - 1, share);
      const lead = block.words(leadField, row);
      buckets = new RateBuckets(words.subarray(row * size, (row + 1) * size), lead, partial);
      known.set(row, buckets);
    }
    return buckets;
  };
  return {
    of: (identity) => region(names.rowFor(identity) ?? limits),
    all() {
      const rows = names.list().map(({ row }) => row);
      return (rows.length < names.rows ? rows : [...rows, limits]).map(region);
    },
  };
}

/**
 * Empties rows that carry no state, some buckets with each step.
 * @param now the clock of the rows, in units
 */
export function* sweepRegions(regions: RateRegions, now: () => number): Generator<void> {
  for (const buckets of regions.all()) {
    for (let bucket = 0; bucket < buckets.count; bucket++) {
      buckets.sweep(bucket * RATE_BUCKET_WORDS, now);
      if ((bucket + 1) % BUCKETS_PER_PART === 0) yield;
    }
  }
}

/**
 * Counts the keys that are in use, some buckets with each step.
 * @param now by the clock of the rows, in units
 */
export function* usageOf(regions: RateRegions, now: number): Generator<void, RateUsage> {
  let [inUse, rows] = [0, 0];
  for (const buckets of regions.all()) {
    rows += buckets.rows;
    for (let bucket = 0; bucket < buckets.count; bucket++) {
      inUse += buckets.inUse(bucket * RATE_BUCKET_WORDS, now);
      if ((bucket + 1) % BUCKETS_PER_PART === 0) yield;
    }
  }
  return { inUse, rows };
}
