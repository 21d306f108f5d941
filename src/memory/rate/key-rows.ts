// How far ahead the row of one key of a limit over several processes is, for the primary: it knows the hash
// of the key and the numbers of its limit, but not which limit that is. So it looks at all regions that may
// have a row of the key, and believes the strictest.
import type { Block } from '../block.js';
import { RATE_BUCKET_WORDS } from '../layout.js';
import type { RefusedKey } from './hot-cells.js';
import { ABSENT, OVERFLOW, type RateBuckets } from './rate-bucket.js';
import { type RateRegions, regionsOf } from './rate-regions.js';
import { highOf, lowOf, TAG_MASK, tagOf } from './rate-row.js';
import type { Share } from './share.js';

export class KeyRows {
  readonly #regions: RateRegions;

  /** @param share that of now */
  constructor(block: Block, share: () => Share | undefined) {
    this.#regions = regionsOf(block, share);
  }

  /**
   * @param now by the clock of the rows, in units
   * @returns units; 0 without a row, infinite while the key may use an overflow row
   */
  ahead({ low, high, interval, burst }: RefusedKey, now: number): number {
    const regions = this.#regions.all().filter((buckets) => buckets.mayHold(interval, burst));
    return Math.max(0, ...regions.map((buckets) => aheadIn(buckets, low, high & TAG_MASK || 1, now)));
  }
}

function aheadIn(buckets: RateBuckets, low: number, tag: number, now: number): number {
  const bucket = (low & buckets.mask) * RATE_BUCKET_WORDS;
  const row = buckets.find(bucket, tag);
  const word = buckets.word(row === ABSENT ? bucket + OVERFLOW : row);
  const ahead = buckets.ahead(lowOf(word), highOf(word), now);
  if (row === ABSENT) return ahead > 0 ? Number.POSITIVE_INFINITY : 0;
  // The row may have been given to another key since it was found.
  return tagOf(highOf(word)) === tag ? ahead : Number.POSITIVE_INFINITY;
}
