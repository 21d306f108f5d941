// What happened to one endpoint in the last ten seconds, counted by all threads in one-second buckets.
// A bucket is one word, the second it counts for beside the count, so a stale bucket is emptied and counted
// into by the same compare-and-swap: no thread ever cleans up, and no count lands in another second.
//
// Only the low bits of the second fit into a bucket: with the bucket that it is in, a second comes round
// after 5,632 s. So the row holds when it was used last, in spans of 256 s: the first thread that comes two
// spans later or more empties it before anything else, and a reader that comes then finds nothing. Several
// threads may empty it at once, also when one of them dies meanwhile; a count of that very moment may be
// lost.
import type { Area } from '../area.js';

export const WINDOW_SECONDS = 10;

/** One more than the window is long: the bucket being emptied is never one that still counts. */
const BUCKETS = WINDOW_SECONDS + 1;
/** Failures are in the first 64 bytes of a row, successes in the next. */
const SUCCESSES = 16;
/** Behind the failures: when the row was used last. */
const SPAN = BUCKETS;
const SPAN_SHIFT = 8;
/** Eight million calls a second: more than a process can make. */
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

  /** Takes back what one of these has counted, unless it has been cleared since. */
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

  clear(slot: number): void {
    const base = slot * this.#stride;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      Atomics.store(this.#words, base + bucket, 0);
      Atomics.store(this.#words, base + SUCCESSES + bucket, 0);
    }
  }

  #use(slot: number, second: number): void {
    const index = slot * this.#stride + SPAN;
    const span = second >>> SPAN_SHIFT;
    const last = Atomics.load(this.#words, index);
    // Another thread may be a moment ahead.
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
   * Plain reads: a word is never torn, and a count that is a moment old is as good; atomic ones take 4 x as
   * long.
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

/** Valid for seconds before 0 as well. */
const bucketOf = (second: number): number => (second + BUCKETS) % BUCKETS;

/** What a word counts belongs to another second than this one, which has the same bucket. */
const isOther = (word: number, second: number): boolean =>
  (((word >>> COUNT_BITS) ^ second) & SECOND_MASK) !== 0;
