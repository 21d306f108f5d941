// The regions of the table of rate limits: each limit has a region of its own for its keys. So a client that
// fills the rows of one limit with invented keys takes no row from the clients of another limit, and shares
// no overflow row with them.
import type { Block } from '../block.js';
import { RATE_BUCKET_WORDS, RATE_LIMITS } from '../layout.js';
import { NameTable } from '../name-table.js';
import { RateBuckets } from './rate-bucket.js';

export interface RateRegions {
  /**
   * The region of a limit. @param identity text that names the limit; the same text gives the same region in
   * every thread
   */
  of(identity: string): RateBuckets;
  /** The regions that are in use. */
  all(): readonly RateBuckets[];
}

/** A single region for all limits, as programs without the block of the process use it. */
export function oneRegion(words: Int32Array, lead: Int32Array): RateRegions {
  const buckets = new RateBuckets(words, lead);
  return { of: () => buckets, all: () => [buckets] };
}

/** The regions of the process. Limits beyond the number of regions share the last one. */
export function regionsOf(block: Block): RateRegions {
  const { words } = block.table('rateBuckets');
  const names = new NameTable(block, 'limit');
  const known = new Map<number, RateBuckets>();
  const region = (row: number): RateBuckets => {
    let buckets = known.get(row);
    if (buckets === undefined) {
      const size = block.rateBuckets * RATE_BUCKET_WORDS;
      buckets = new RateBuckets(words.subarray(row * size, (row + 1) * size), block.words('rateLead', row));
      known.set(row, buckets);
    }
    return buckets;
  };
  return {
    of: (identity) => region(names.rowFor(identity) ?? RATE_LIMITS),
    all() {
      const rows = names.list().map(({ row }) => row);
      return (rows.length < names.rows ? rows : [...rows, RATE_LIMITS]).map(region);
    },
  };
}
