// Which key has which row of a bucket. A bucket is eight 64-bit words: the header, the overflow row shared by
// keys that find no row, and six rows. A key has at most one row, or it would be admitted twice over; so rows
// change hands one after the other, through the header, and without a lock: a claim is written into the
// header by one compare-and-swap, and a thread that meets a claim carries it out instead of waiting for one
// that may never run again.
//
//   header, high half   bit 31: a claim is being carried out; bits 28-30: its row; 8-27: its tag;
//                       0-7: a count of claims
//   header, low half    the low half that the row had when it was chosen
//
// A claim succeeds by one 64-bit compare-and-swap from that row to the new one. Since a low half never comes
// back (rate-row.ts), a row that has changed meanwhile, because its owner came back, can never be taken by
// this claim: all helpers agree on how it ended, whenever they look. And between reading an idle header and
// writing a claim over it no row can have changed hands, so a key that was not there when its claim was
// written is not there twice.
import { RATE_BUCKET_WORDS } from '../layout.js';
import { highHalf, highOf, leadOf, lowHalf, lowOf, pack, TAG_MASK, tagOf, UNITS_PER_MS } from './rate-row.js';

/** Words from the start of a bucket. */
export const OVERFLOW = 2;
/** Stands in the overflow row instead of a tag while the row carries state. */
export const OVERFLOW_TAG = 1;
const FIRST_ROW = 4;
export const ROWS_PER_BUCKET = (RATE_BUCKET_WORDS - FIRST_ROW) / 2;

const CLAIM = 1 << 31;
const [POSITION_SHIFT, TAG_SHIFT] = [28, 8];
const COUNT_MASK = 0xff;
/** No burst takes longer to come back (rate.ts). */
const MOST_LEAD_MS = 25 * 3_600_000;
/** Clocks of two threads differ by less, and times are rounded by less. */
const SKEW_MS = 1_000;
/** More than clocks of two threads differ by, and than it takes to give a row away. */
const MOMENTS = UNITS_PER_MS;

export const ABSENT = -1;

export class RateBuckets {
  readonly words: Int32Array;
  readonly #wide: BigInt64Array;
  /** How far ahead a row may be, milliseconds. */
  readonly #lead: Int32Array;

  /** @param lead one word, of the same threads */
  constructor(words: Int32Array, lead: Int32Array) {
    this.words = words;
    this.#lead = lead;
    this.#wide = new BigInt64Array(words.buffer, words.byteOffset, words.length >> 1);
  }

  get count(): number {
    return this.words.length / RATE_BUCKET_WORDS;
  }

  get rows(): number {
    return this.count * ROWS_PER_BUCKET;
  }

  /**
   * Call it before a row is put further ahead than any was before.
   * @param units by which it will be at most
   */
  mayLead(units: number): void {
    const ms = Math.min(Math.ceil(units / UNITS_PER_MS) + SKEW_MS, MOST_LEAD_MS);
    for (;;) {
      const before = Atomics.load(this.#lead, 0);
      if (before >= ms || Atomics.compareExchange(this.#lead, 0, before, ms) === before) return;
    }
  }

  /**
   * How far the time of a row is ahead of `now`, in units. 0: the row carries no state, and forgetting it
   * changes no verdict. A row without a key carries no state whatever its time is: the zero of fresh memory
   * is a moment like any other. A time that is further ahead than a row can be has passed 12.7 days ago.
   */
  ahead(low: number, high: number, now: number): number {
    if (tagOf(high) === 0) return 0;
    const lead = leadOf(low, high, now);
    // Read after the row: a thread raises the lead before it moves a row that far ahead.
    return lead > 0 && lead <= Atomics.load(this.#lead, 0) * UNITS_PER_MS ? lead : 0;
  }

  /** @param bucket its first word @returns the first word of the row, or ABSENT */
  find(bucket: number, tag: number): number {
    const { words } = this;
    const end = bucket + RATE_BUCKET_WORDS;
    // Plain reads are enough: a thread that changes the row reads it again, in order.
    for (let row = bucket + FIRST_ROW; row < end; row += 2) if (tagOf(words[row + 1]!) === tag) return row;
    return ABSENT;
  }

  /** Changes both halves; false when the row was not as expected. */
  swap(row: number, low: number, high: number, nextLow: number, nextHigh: number): boolean {
    const expected = pack(low, high);
    return Atomics.compareExchange(this.#wide, row >> 1, expected, pack(nextLow, nextHigh)) === expected;
  }

  /** The header word. An unchanged header means that no row has changed its key. */
  header(bucket: number): bigint {
    return Atomics.load(this.#wide, bucket >> 1);
  }

  /**
   * Gives the key a row, uncharged, if there is one without state. The caller looks again afterwards.
   * @param now asked only after what it is compared with has been read
   * @returns false: all rows are in use
   */
  claim(bucket: number, tag: number, now: () => number): boolean {
    const header = this.header(bucket);
    if (highOf(header) < 0) {
      this.#help(bucket, header, now);
      return true;
    }
    if (this.find(bucket, tag) !== ABSENT) return true;
    for (let position = 0; position < ROWS_PER_BUCKET; position++) {
      if (this.#begin(bucket, header, position, tag, now)) return true;
    }
    return false;
  }

  /** Carries out a claim that another thread has begun, if there is one. */
  settle(bucket: number, now: () => number): void {
    const header = this.header(bucket);
    if (highOf(header) < 0) this.#help(bucket, header, now);
  }

  /** Empties rows that carry no state: the time of a row comes round again after 12.7 days. */
  sweep(bucket: number, now: () => number): void {
    for (let position = 0; position < ROWS_PER_BUCKET; position++) {
      const header = this.header(bucket);
      if (highOf(header) < 0) this.#help(bucket, header, now);
      else if (tagOf(this.words[bucket + FIRST_ROW + 2 * position + 1]!) !== 0) {
        this.#begin(bucket, header, position, 0, now);
      }
    }
    const row = bucket + OVERFLOW;
    const low = Atomics.load(this.words, row);
    const high = Atomics.load(this.words, row + 1);
    if (tagOf(high) !== 0 && this.ahead(low, high, now()) === 0) this.swap(row, low, high, 0, 0);
  }

  /** Rows that carry state now. Reads only. */
  inUse(bucket: number, now: number): number {
    let rows = 0;
    for (let row = bucket + FIRST_ROW; row < bucket + RATE_BUCKET_WORDS; row += 2) {
      if (this.ahead(this.words[row]!, this.words[row + 1]!, now) > 0) rows++;
    }
    return rows;
  }

  /**
   * False: the row at this position carries state. True: it is being given away, or another claim was faster.
   */
  #begin(bucket: number, idle: bigint, position: number, tag: number, now: () => number): boolean {
    const row = bucket + FIRST_ROW + 2 * position;
    const low = Atomics.load(this.words, row);
    const high = Atomics.load(this.words, row + 1);
    if (this.ahead(low, high, now()) > 0) return false;
    const count = (highOf(idle) + 1) & COUNT_MASK;
    const claim = pack(low, CLAIM | (position << POSITION_SHIFT) | (tag << TAG_SHIFT) | count);
    if (Atomics.compareExchange(this.#wide, bucket >> 1, idle, claim) === idle)
      this.#help(bucket, claim, now);
    return true;
  }

  #help(bucket: number, claim: bigint, now: () => number): void {
    const high = highOf(claim);
    const position = (high >>> POSITION_SHIFT) & 7;
    const expectedLow = lowOf(claim);
    // A claim at a position that a bucket does not have was not written by this class: it only ends.
    if (position < ROWS_PER_BUCKET) this.#carryOut(bucket, high, expectedLow, position, now);
    Atomics.compareExchange(this.#wide, bucket >> 1, claim, pack(expectedLow, high & COUNT_MASK));
  }

  #carryOut(bucket: number, high: number, expectedLow: number, position: number, now: () => number): void {
    const row = bucket + FIRST_ROW + 2 * position;
    const word = Atomics.load(this.#wide, row >> 1);
    if (lowOf(word) === expectedLow) {
      // A key that shared the overflow row starts from its time, so what it was admitted for still counts.
      const at = now();
      const overflow = Atomics.load(this.#wide, (bucket + OVERFLOW) >> 1);
      const shared = this.ahead(lowOf(overflow), highOf(overflow), at);
      let time = at + shared;
      // A row that was given away moments ago steps back from there: the moment that this thread reads may
      // have been in it before that, and a thread that has read it there must not find it a second time.
      const lead = leadOf(expectedLow, highOf(word), at);
      if (shared === 0 && Math.abs(lead) <= MOMENTS) time = at + lead;
      if (lowHalf(time) === expectedLow) time += shared > 0 ? 1 : -1;
      const fresh = pack(lowHalf(time), highHalf((high >>> TAG_SHIFT) & TAG_MASK, time));
      Atomics.compareExchange(this.#wide, row >> 1, word, fresh);
    }
  }
}
