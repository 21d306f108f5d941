// The retry budget of the whole process. When every request may be repeated a fixed number of times, retries
// multiply the load just when an upstream is down: with three attempts everywhere, an outage triples the
// traffic. A budget bounds the sum instead: a call may be repeated while the retries of this second and of
// the one before are less than a fifth of their calls. In addition a few retries a second are always allowed
// (the trickle), for processes that make few calls: five at once, then five a second, so at most ten in any
// second. In any window of a second or longer, retries are therefore at most a fifth of the calls of the
// window and of the two seconds before it, and ten for each second of the window. The idea is that of tower
// (tower-rs/tower, tower/src/retry/budget).
//
// Calls and retries are counted by second, in four buckets each. A bucket is one word of 64 bits: the second
// it counts for, and the count. The first call in a second empties the bucket and counts itself by one
// compare-and-swap; the later ones only add to the count, in the low half.
//
// A retry depends on the buckets of two seconds, and the compare-and-swap guards one of them. So a thread
// that has counted its retry reads the clock again. If its second has not passed, then every thread of the
// next second, which reads the clock before the buckets, sees that retry. Otherwise one may have overlooked
// it, so the thread takes it back and begins anew. (The clocks of all threads agree to a few microseconds.)
import type { Block } from './block.js';
import type { Clock } from './clock.js';

/** The budget grows by one retry for this number of calls. */
const CALLS_PER_RETRY = 5;
const BUCKETS_MASK = 3;
/** Words of a bucket, and from its start: the count, then the second. */
const BUCKET_WORDS = 2;
const SECOND = 1;
/** Offsets in the field: calls, and retries. */
const [CALLS, RETRIES] = [0, 8] as const;
/** The word of 64 bits that holds when the next token of the trickle is due, in milliseconds. */
const TRICKLE = 8;
/** The trickle: one token every 200 ms, and at most five of them at once. */
const TRICKLE_MS = 200n;
const TRICKLE_BURST_MS = 4n * TRICKLE_MS;

export class RetryBudgetCell {
  readonly #words: Int32Array;
  readonly #wide: BigInt64Array;
  readonly #clock: Clock;

  constructor(block: Block, clock: Clock) {
    this.#words = block.words('retryBudget');
    const { buffer, byteOffset, length } = this.#words;
    this.#wide = new BigInt64Array(buffer, byteOffset, length >> 1);
    this.#clock = clock;
  }

  /** Call once for every request, not for its retries. */
  deposit(): void {
    for (;;) {
      const second = this.#second();
      const count = this.#countOf(CALLS, second);
      if (count === MOST || this.#counted(CALLS, second, count)) return;
    }
  }

  /** Whether there is a token now, which another call may take first. */
  hasToken(): boolean {
    const second = this.#second();
    return this.#isEarned(second, this.#countOf(RETRIES, second)) || this.#dueAhead() <= TRICKLE_BURST_MS;
  }

  /** Takes a token for one retry; false when there is none. */
  withdraw(): boolean {
    for (;;) {
      const second = this.#second();
      const retries = this.#countOf(RETRIES, second);
      if (!this.#isEarned(second, retries)) return this.#withdrawTrickle();
      // This succeeds only when no other thread has taken a token meanwhile.
      if (!this.#counted(RETRIES, second, retries)) continue;
      if (this.#second() === second) return true;
      this.#takeBack(second);
    }
  }

  /** Takes back a retry of this thread that was counted in a second, unless its bucket was reused since. */
  #takeBack(second: number): void {
    const at = (RETRIES + (second & BUCKETS_MASK) * BUCKET_WORDS) >> 1;
    for (;;) {
      const word = Atomics.load(this.#wide, at);
      if (Number(word >> 32n) !== second) return;
      if (Atomics.compareExchange(this.#wide, at, word, word - 1n) === word) return;
    }
  }

  /** Whether the calls of a second and of the one before it allow one more retry. */
  #isEarned(second: number, retries: number): boolean {
    const calls = this.#countOf(CALLS, second) + this.#countOf(CALLS, second - 1);
    const repeated = retries + this.#countOf(RETRIES, second - 1);
    return (repeated + 1) * CALLS_PER_RETRY <= calls;
  }

  #second(): number {
    return Math.floor(this.#clock() / 1000) | 0;
  }

  #countOf(kind: number, second: number): number {
    const index = kind + (second & BUCKETS_MASK) * BUCKET_WORDS;
    if (Atomics.load(this.#words, index + SECOND) !== second) return 0;
    const count = Atomics.load(this.#words, index);
    // The second of a bucket only grows: when it is the same before and after the count was read, the count
    // belongs to it.
    return Atomics.load(this.#words, index + SECOND) === second ? count : 0;
  }

  /**
   * Raises the count of a second from `count` by one. @returns false when another thread has changed the
   * bucket meanwhile
   */
  #counted(kind: number, second: number, count: number): boolean {
    const words = this.#words;
    const index = kind + (second & BUCKETS_MASK) * BUCKET_WORDS;
    const before = Atomics.load(words, index);
    const since = Atomics.load(words, index + SECOND);
    if (since === second)
      return before === count && Atomics.compareExchange(words, index, count, count + 1) === count;
    // The bucket was reused for a later second: this thread was stalled for four seconds since it read the
    // clock.
    if (((since - second) | 0) > 0) return false;
    const expected = wordOf(before, since);
    return Atomics.compareExchange(this.#wide, index >> 1, expected, wordOf(1, second)) === expected;
  }

  /**
   * Takes a token of the trickle by the generic cell rate algorithm (ITU-T I.371). For a thread that was
   * stalled since it read the clock, the next token is due later than a full burst allows, and it takes none.
   */
  #withdrawTrickle(): boolean {
    for (;;) {
      const now = this.#now();
      const due = Atomics.load(this.#wide, TRICKLE);
      const ahead = due > now ? due - now : 0n;
      if (ahead > TRICKLE_BURST_MS) return false;
      if (Atomics.compareExchange(this.#wide, TRICKLE, due, now + ahead + TRICKLE_MS) === due) return true;
    }
  }

  /** How long the next token of the trickle is due from now; 0 or less: it is due. */
  #dueAhead(): bigint {
    return Atomics.load(this.#wide, TRICKLE) - this.#now();
  }

  #now(): bigint {
    return BigInt(Math.floor(this.#clock()));
  }
}

/** Calls beyond this number in a second are not counted. */
const MOST = 2 ** 30;

const wordOf = (count: number, second: number): bigint =>
  BigInt.asIntN(64, (BigInt(second) << 32n) | BigInt(count >>> 0));
