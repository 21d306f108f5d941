// What rows tell about one key of a limit over several processes, for the primary: it knows the hash of the
// key and the numbers of its limit, but not which limit that is. So it looks at all regions that may have a
// row of the key, and believes the strictest.
import type { Block } from '../block.js';
import { RATE_BUCKET_WORDS } from '../layout.js';
import type { RefusedKey } from './hot-cells.js';
import { ABSENT, OVERFLOW, type RateBuckets } from './rate-bucket.js';
import { type RateRegions, regionsOf } from './rate-regions.js';
import { TAG_MASK } from './rate-row.js';
import type { Share } from './share.js';

/** What was seen of a key at a moment. */
export interface KeyState {
  /** How far ahead its row is, in units; 0 without a row, infinite while it may use an overflow row. */
  readonly ahead: number;
  /** What is in its rows, or in the overflow rows. As long as that is the same, nothing was charged to it. */
  readonly rows: string;
}

export class KeyRows {
  readonly #regions: RateRegions;

  /** @param share that of now */
  constructor(block: Block, share: () => Share | undefined) {
    this.#regions = regionsOf(block, share);
  }

  /** @param now by the clock of the rows, in units */
  stateOf({ low, high, interval, burst }: RefusedKey, now: number): KeyState {
    const regions = this.#regions.all().filter((buckets) => buckets.mayHold(interval, burst));
    const states = regions.map((buckets) => stateIn(buckets, low, high & TAG_MASK || 1, now));
    return {
      ahead: Math.max(0, ...states.map(({ ahead }) => ahead)),
      rows: states.map(({ rows }) => rows).join(),
    };
  }
}

function stateIn(buckets: RateBuckets, low: number, tag: number, now: number): KeyState {
  const bucket = (low & buckets.mask) * RATE_BUCKET_WORDS;
  // It is read first: while it is the same no row has got another key, and a key without a row has none.
  const header = buckets.header(bucket);
  const row = buckets.find(bucket, tag);
  const [half, other] = halves(buckets, row === ABSENT ? bucket + OVERFLOW : row);
  const ahead = buckets.ahead(half, other, now);
  return {
    ahead: row === ABSENT && ahead > 0 ? Number.POSITIVE_INFINITY : ahead,
    rows: `${header} ${half} ${other}`,
  };
}

const halves = ({ words }: RateBuckets, row: number): [low: number, high: number] => [
  Atomics.load(words, row),
  Atomics.load(words, row + 1),
];
