// Which rows of a limit over several processes carry no state. Such a row stands for the whole burst of its
// key, of which the share of this process is the last part (cluster-rates.ts). So it carries no state when
// that part is back, long before its time has passed: a row is kept about as long as that of a limit of one
// process, and not as many times longer as there are members.
//
// A row that was forgotten under one share stays forgotten under the next one: all of the smaller share was
// back, and a share that has grown begins with no more than that (`emptyAt` in share.ts).
import { RATE_BUCKET_WORDS } from '../layout.js';
import { TAG_MASK } from './rate-row.js';
import { type Share, spareAhead } from './share.js';

/** The words of a region: the numbers of its limit, and whether there are limits with other numbers. */
const [INTERVAL, BURST, IS_MIXED] = [0, 1, 2] as const;

export class PartialRows {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #share: () => Share | undefined;

  /**
   * @param words those of the region @param mask selects the bits of a hash that are the bucket
   * @param share that of the moment at which the clock of the rows was read last
   */
  constructor(words: Int32Array, mask: number, share: () => Share | undefined) {
    this.#words = words;
    this.#mask = mask;
    this.#share = share;
  }

  /** A limit with these numbers has rows in the region. Call it before it gets one. */
  declare(interval: number, burst: number): void {
    const agrees = (index: number, number: number): boolean => {
      const before = Atomics.compareExchange(this.#words, index, 0, number);
      return before === 0 || before === number;
    };
    if (![agrees(INTERVAL, interval), agrees(BURST, burst)].every(Boolean))
      Atomics.store(this.#words, IS_MIXED, 1);
  }

  /** Whether a limit with these numbers may have rows in the region. */
  mayHold(interval: number, burst: number): boolean {
    if (Atomics.load(this.#words, IS_MIXED) !== 0) return true;
    return Atomics.load(this.#words, INTERVAL) === interval && Atomics.load(this.#words, BURST) === burst;
  }

  /**
   * How far ahead a row of a key may be that carries no state. That of a key which is not divided by shares,
   * and all rows where limits share the region, carry state until their time has passed.
   * @param bucket index of its first word
   */
  spare(bucket: number, tag: number): number {
    const share = this.#share();
    // The words are read after the row, because a limit is declared before it gets one.
    const [interval, burst] = [Atomics.load(this.#words, INTERVAL), Atomics.load(this.#words, BURST)];
    if (share === undefined || interval === 0 || burst === 0) return 0;
    if (Atomics.load(this.#words, IS_MIXED) !== 0) return 0;
    for (const { low, high } of share.hot)
      if ((low & this.#mask) * RATE_BUCKET_WORDS === bucket && (high & TAG_MASK || 1) === tag) return 0;
    return spareAhead(burst, interval, share.members.length);
  }
}
