// The buckets of the table of rate limits: which key has which row. A bucket is eight 64-bit words: the
// header, the overflow row shared by keys that find no row, and six rows. A key must never have two rows, or
// it would be admitted twice as often. So rows are given to keys one after the other, through the header and
// without a lock: a thread writes a claim into the header by one compare-and-swap, and a thread that finds a
// claim there carries it out itself instead of waiting for the other thread, which may never run again.
//
//   header, high half   bit 31: a claim is being carried out; bits 28-30: its row; 8-27: its tag;
//                       0-7: a count of claims
//   header, low half    the low half that the row had when it was chosen
//
// A claim succeeds by one 64-bit compare-and-swap from that row to the new one. A low half does not get an
// earlier value again (rate-row.ts), so this claim can never take a row that has changed meanwhile because
// its key was used again: all threads that carry out the claim get the same result. And no row can get
// another key between the moment a thread reads an idle header and the moment it writes a claim over it. So a
// key that has no row when its claim is written cannot get two.
import { RATE_BUCKET_WORDS } from '../layout.js';
import type { PartialRows } from './partial-rows.js';
import { highHalf, highOf, leadOf, lowHalf, lowOf, pack, TAG_MASK, tagOf, UNITS_PER_MS } from './rate-row.js';

/** Words from the start of a bucket. */
export const OVERFLOW = 2;
/** The tag of the overflow row while it carries state: the row belongs to no single key. */
export const OVERFLOW_TAG = 1;
const FIRST_ROW = 4;
export const ROWS_PER_BUCKET = (RATE_BUCKET_WORDS - FIRST_ROW) / 2;

const CLAIM = 1 << 31;
const [POSITION_SHIFT, TAG_SHIFT] = [28, 8];
const COUNT_MASK = 0xff;
/** Longer than any burst takes to come back, which is a day at most (src/rate.ts). */
const MOST_LEAD_MS = 25 * 3_600_000;
/** The clocks of two threads, and the rounding of times, differ by less than this. */
const SKEW_MS = 1_000;
/**
 * Units of 1 ms: longer than it takes to give a row to a key, and more than the clocks of two threads differ.
 */
const MOMENTS = UNITS_PER_MS;

export const ABSENT = -1;

export class RateBuckets {
  readonly words: Int32Array;
  /** The number of buckets minus 1, which selects the bits of a hash that are the bucket. */
  readonly mask: number;
  readonly #wide: BigInt64Array;
  /** How far the time of a row may be ahead of now, in milliseconds. */
  readonly #lead: Int32Array;
  /** Limits of this region are over several processes. */
  readonly #partial: PartialRows | undefined;

  /** @param lead one word, shared by the same threads */
  constructor(words: Int32Array, lead: Int32Array, partial?: PartialRows) {
    this.words = words;
    this.#partial = partial;
    this.mask = words.length / RATE_BUCKET_WORDS - 1;
    this.#lead = lead;
    this.#wide = new BigInt64Array(words.buffer, words.byteOffset, words.length >> 1);
  }

  get count(): number {
    return this.mask + 1;
  }

  get rows(): number {
    return this.count * ROWS_PER_BUCKET;
  }

  /** A limit over several processes has rows here. Call it before it gets one. */
  declare(interval: number, burst: number): void {
    this.#partial?.declare(interval, burst);
  }

  /** Whether a limit over several processes with these numbers may have rows here. */
  mayHold(interval: number, burst: number): boolean {
    return this.#partial?.mayHold(interval, burst) ?? false;
  }

  /**
   * Raises the bound for how far ahead a row may be. Call it before a row can be further ahead than any was
   * before.
   * @param units the most by which a row will be ahead
   */
  mayLead(units: number): void {
    const ms = Math.min(Math.ceil(units / UNITS_PER_MS) + SKEW_MS, MOST_LEAD_MS);
    for (;;) {
      const before = Atomics.load(this.#lead, 0);
      if (before >= ms || Atomics.compareExchange(this.#lead, 0, before, ms) === before) return;
    }
  }

  /**
   * How far the time of a row is ahead of `now`, in units. 0: the row carries no state. A row without a key
   * carries no state whatever its time is, because the 0 of fresh memory looks like any other time. A time
   * that is further ahead than a row can be is one of 12.7 days ago: it wraps around.
   */
  ahead(low: number, high: number, now: number): number {
    if (tagOf(high) === 0) return 0;
    const lead = leadOf(low, high, now);
    // The bound is read after the row, because a thread raises it before it moves a row that far ahead.
    return lead > 0 && lead <= this.#mostLead() ? lead : 0;
  }

  #mostLead(): number {
    return Atomics.load(this.#lead, 0) * UNITS_PER_MS;
  }

  /**
   * Whether a row carries state: forgetting it would change a verdict.
   * @param bucket index of its first word
   */
  #isInUse(bucket: number, low: number, high: number, now: number): boolean {
    const ahead = this.ahead(low, high, now);
    return ahead > 0 && ahead > (this.#partial?.spare(bucket, tagOf(high)) ?? 0);
  }

  /**
   * Looks for the row of a key. @param bucket index of its first word @returns index of the first word of the
   * row, or ABSENT
   */
  find(bucket: number, tag: number): number {
    const { words } = this;
    const end = bucket + RATE_BUCKET_WORDS;
    // Plain reads are enough: a thread that changes the row reads it again, in order.
    for (let row = bucket + FIRST_ROW; row < end; row += 2) if (tagOf(words[row + 1]!) === tag) return row;
    return ABSENT;
  }

  /** Changes both halves of a row. @returns false when the row was not as expected */
  swap(row: number, low: number, high: number, nextLow: number, nextHigh: number): boolean {
    const expected = pack(low, high);
    return Atomics.compareExchange(this.#wide, row >> 1, expected, pack(nextLow, nextHigh)) === expected;
  }

  /** Both halves of a row at one moment. */
  word(row: number): bigint {
    return Atomics.load(this.#wide, row >> 1);
  }

  /** The header word. An unchanged header means that no row has changed its key. */
  header(bucket: number): bigint {
    return Atomics.load(this.#wide, bucket >> 1);
  }

  /**
   * Gives the key a row that carries no state, if there is one, and charges nothing to it. The caller looks
   * for its row again afterwards.
   * @param now clock, which is read only after the times that it is compared with
   * @param empty how far ahead a row of the key is of which nothing is left
   * @returns false when all rows are in use
   */
  claim(bucket: number, tag: number, now: () => number, empty: number): boolean {
    const header = this.header(bucket);
    if (highOf(header) < 0) {
      this.#help(bucket, header, now);
      return true;
    }
    if (this.find(bucket, tag) !== ABSENT) return true;
    for (let position = 0; position < ROWS_PER_BUCKET; position++) {
      if (this.#begin(bucket, header, position, tag, now, empty)) return true;
    }
    return false;
  }

  /** Carries out a claim that another thread has begun, if there is one. */
  settle(bucket: number, now: () => number): void {
    const header = this.header(bucket);
    if (highOf(header) < 0) this.#help(bucket, header, now);
  }

  /** Empties rows that carry no state, because their times would look like times ahead after 12.7 days. */
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
    const keptFor = this.#partial === undefined ? 0 : this.#mostLead();
    if (tagOf(high) !== 0 && !this.#wasUsed(low, high, now(), keptFor)) this.swap(row, low, high, 0, 0);
  }

  /**
   * How far ahead the row of a key starts. The key may have shared the overflow row before, so its earlier
   * admissions count. Where limits are over processes, that row is never as far ahead as the row of a key
   * would be (cluster-rates.ts): the key then starts with nothing for as long as such a row would carry
   * state.
   * @param empty as for `claim`
   */
  #startAhead(bucket: number, tag: number, now: number, empty: number): number {
    const overflow = Atomics.load(this.#wide, (bucket + OVERFLOW) >> 1);
    const [low, high] = [lowOf(overflow), highOf(overflow)];
    if (this.#partial === undefined) return this.ahead(low, high, now);
    return this.#wasUsed(low, high, now, empty - this.#partial.spare(bucket, tag)) ? empty : 0;
  }

  /** Whether the time of a row is ahead of `now`, or has passed no longer ago than `units`. */
  #wasUsed(low: number, high: number, now: number, units: number): boolean {
    if (tagOf(high) === 0) return false;
    const lead = leadOf(low, high, now);
    return lead > -units && lead <= this.#mostLead();
  }

  /** The number of rows that carry state now. It changes nothing. */
  inUse(bucket: number, now: number): number {
    let rows = 0;
    for (let row = bucket + FIRST_ROW; row < bucket + RATE_BUCKET_WORDS; row += 2) {
      if (this.#isInUse(bucket, this.words[row]!, this.words[row + 1]!, now)) rows++;
    }
    return rows;
  }

  /**
   * Writes a claim for the row at this position and carries it out.
   * @param tag 0: the row is emptied, if its time has passed
   * @returns false when the row carries state; true when the claim was written or another thread's claim came
   *   first
   */
  #begin(
    bucket: number,
    idle: bigint,
    position: number,
    tag: number,
    now: () => number,
    empty?: number,
  ): boolean {
    const row = bucket + FIRST_ROW + 2 * position;
    const low = Atomics.load(this.words, row);
    const high = Atomics.load(this.words, row + 1);
    const at = now();
    if (tag === 0 ? this.ahead(low, high, at) > 0 : this.#isInUse(bucket, low, high, at)) return false;
    const count = (highOf(idle) + 1) & COUNT_MASK;
    const claim = pack(low, CLAIM | (position << POSITION_SHIFT) | (tag << TAG_SHIFT) | count);
    if (Atomics.compareExchange(this.#wide, bucket >> 1, idle, claim) === idle)
      this.#help(bucket, claim, now, empty);
    return true;
  }

  /** @param empty as for `claim` @default the most that any row of the region may be ahead */
  #help(bucket: number, claim: bigint, now: () => number, empty = this.#mostLead()): void {
    const high = highOf(claim);
    const position = (high >>> POSITION_SHIFT) & 7;
    const expectedLow = lowOf(claim);
    // Code of a service may have overwritten the header. A claim for a row that does not exist is only ended.
    if (position < ROWS_PER_BUCKET) this.#carryOut(bucket, high, expectedLow, position, now, empty);
    Atomics.compareExchange(this.#wide, bucket >> 1, claim, pack(expectedLow, high & COUNT_MASK));
  }

  #carryOut(
    bucket: number,
    high: number,
    expectedLow: number,
    position: number,
    now: () => number,
    empty: number,
  ): void {
    const row = bucket + FIRST_ROW + 2 * position;
    const word = Atomics.load(this.#wide, row >> 1);
    if (lowOf(word) === expectedLow) {
      const at = now();
      const tag = (high >>> TAG_SHIFT) & TAG_MASK;
      const shared = this.#startAhead(bucket, tag, at, empty);
      let time = at + shared;
      // A row that was given to a key moments ago gets a slightly earlier time than it has. With the time of
      // now it could get a value that it had shortly before, and a thread that has read that value would not
      // notice the change.
      const lead = leadOf(expectedLow, highOf(word), at);
      // The same holds for one whose time has not passed though it carries no state: to any key it means no
      // more than a time that has passed.
      const isSpare = this.ahead(expectedLow, highOf(word), at) > 0;
      if (shared === 0 && (isSpare || Math.abs(lead) <= MOMENTS)) time = at + lead;
      if (lowHalf(time) === expectedLow) time += shared > 0 ? 1 : -1;
      const fresh = pack(lowHalf(time), highHalf(tag, time));
      Atomics.compareExchange(this.#wide, row >> 1, word, fresh);
    }
  }
}
