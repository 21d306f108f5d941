// The window of a breaker: successes and failures of the last ten seconds, counted by all threads in
// one-second buckets. A bucket is one word that holds the second and the count of that second, so one
// compare-and-swap both empties a stale bucket and counts into it: no thread cleans up, and no count gets
// into another second.
//
// Only the low bits of the second fit into a bucket, so after 5,632 s a bucket would look recent again.
// Therefore the row also holds when it was used last, in spans of 256 s. The first thread that counts two or
// more spans later empties the row before it counts, and a reader at that time gets 0. Several threads may
// empty it at the same time, and one of them may die meanwhile; only a count of that moment may be lost.
import type { Area } from '../area.js';

export const WINDOW_SECONDS = 10;

/**
 * There is one bucket more than the window has seconds, so a bucket that is being reused never belongs to the
 * window any more.
 */
const BUCKETS = WINDOW_SECONDS + 1;
/** Failures are in the first 64 bytes of a row, successes in the next 64. */
const SUCCESSES = 16;
/** The word behind the failures: when the row was used last, in spans. */
const SPAN = BUCKETS;
const SPAN_SHIFT = 8;
const SPAN_SECONDS = 1 << SPAN_SHIFT;
/** These bits can count eight million calls a second: more than a process can make. */
const COUNT_BITS = 23;
const COUNT_MASK = (1 << COUNT_BITS) - 1;
const SECOND_MASK = (1 << (32 - COUNT_BITS)) - 1;

export class BreakerWindow {
  readonly #words: Int32Array;
  readonly #stride: number;

  constructor(area: Area) {
    const { words, stride } = area.table('breakerWindow');
    this.#words = words;
    this.#stride = stride;
  }

  /** @param second whole seconds of the shared clock */
  addSuccess(slot: number, second: number): void {
    this.#use(slot, second);
    this.#add(slot * this.#stride + SUCCESSES + bucketOf(second), second);
  }

  addFailure(slot: number, second: number): void {
    this.#use(slot, second);
    this.#add(slot * this.#stride + bucketOf(second), second);
  }

  /**
   * Removes one success or failure that `addSuccess` or `addFailure` has counted, unless its bucket was
   * emptied since.
   */
  takeBack(slot: number, second: number, isFailure: boolean): void {
    const words = this.#words;
    const index = slot * this.#stride + (isFailure ? 0 : SUCCESSES) + bucketOf(second);
    for (;;) {
      const old = Atomics.load(words, index);
      if (isOther(old, second) || (old & COUNT_MASK) === 0) return;
      if (Atomics.compareExchange(words, index, old, old - 1) === old) return;
    }
  }

  /** Failures in the running second and the nine before it. */
  failures(slot: number, second: number): number {
    return this.#sum(slot, 0, second);
  }

  successes(slot: number, second: number): number {
    return this.#sum(slot, SUCCESSES, second);
  }

  /**
   * The counts of the ten seconds that end with the last count, however long ago that is: nothing is counted
   * while a breaker is open, so they are those that opened it.
   * @param second now
   */
  last(slot: number, second: number): { readonly calls: number; readonly failures: number } {
    const newest = this.#newest(slot, second);
    if (newest === undefined) return { calls: 0, failures: 0 };
    const failures = this.failures(slot, newest);
    return { calls: failures + this.successes(slot, newest), failures };
  }

  /** The last second with a count, among those of the span of the last use and of the one before. */
  #newest(slot: number, second: number): number | undefined {
    const words = this.#words;
    const base = slot * this.#stride;
    const end = Math.min(second, (words[base + SPAN]! + 1) * SPAN_SECONDS - 1);
    for (let at = end; at >= 0 && at > end - 2 * SPAN_SECONDS; at--) {
      const index = base + bucketOf(at);
      if (isCount(words[index]!, at) || isCount(words[index + SUCCESSES]!, at)) return at;
    }
    return undefined;
  }

  clear(slot: number): void {
    const base = slot * this.#stride;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      Atomics.store(this.#words, base + bucket, 0);
      Atomics.store(this.#words, base + SUCCESSES + bucket, 0);
    }
  }

  /** Notes that the row is used now, and empties it first when it was not used for two spans. */
  #use(slot: number, second: number): void {
    const index = slot * this.#stride + SPAN;
    const span = second >>> SPAN_SHIFT;
    const last = Atomics.load(this.#words, index);
    // The clock of another thread may be a little ahead, so `last` may be later.
    if (span <= last) return;
    if (span - last > 1) this.clear(slot);
    Atomics.compareExchange(this.#words, index, last, span);
  }

  #add(index: number, second: number): void {
    const words = this.#words;
    for (;;) {
      const old = Atomics.load(words, index);
      const stale = isOther(old, second);
      if (!stale && (old & COUNT_MASK) === COUNT_MASK) return;
      const next = stale ? (second << COUNT_BITS) | 1 : old + 1;
      if (Atomics.compareExchange(words, index, old, next) === old) return;
    }
  }

  /**
   * Adds up the buckets of the window. Plain reads are enough: a word is never read in halves, and a count
   * that is a moment old does no harm. Atomic reads would take 4 times as long.
   */
  #sum(slot: number, line: number, second: number): number {
    const words = this.#words;
    const base = slot * this.#stride;
    if ((second >>> SPAN_SHIFT) - words[base + SPAN]! > 1) return 0;
    let sum = 0;
    let bucket = bucketOf(second);
    for (let at = second; at > second - WINDOW_SECONDS; at--) {
      const word = words[base + line + bucket]!;
      if (!isOther(word, at)) sum += word & COUNT_MASK;
      bucket = bucket === 0 ? BUCKETS - 1 : bucket - 1;
    }
    return sum;
  }
}

/** The bucket of a second. A window at the start of the process contains seconds before 0. */
const bucketOf = (second: number): number => (second + BUCKETS) % BUCKETS;

/** Whether the count in a bucket belongs to another second that uses the same bucket. */
const isOther = (word: number, second: number): boolean =>
  (((word >>> COUNT_BITS) ^ second) & SECOND_MASK) !== 0;

const isCount = (word: number, second: number): boolean =>
  !isOther(word, second) && (word & COUNT_MASK) !== 0;
