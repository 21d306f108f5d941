// What happened to one endpoint in the last ten seconds, counted by all threads in one-second buckets.
// A bucket is one word, the second it counts for beside the count, so a stale bucket is emptied and counted
// into by the same compare-and-swap: no thread ever cleans up, and no count lands in another second.
import type { Area } from './area.js';

export const WINDOW_SECONDS = 10;

/** One more than the window is long: the bucket being emptied is never one that still counts. */
const BUCKETS = WINDOW_SECONDS + 1;
/** Failures fill the first cache line of a row, successes the second. */
const SUCCESSES = 16;
/** 2^18 - 1 calls a second for one endpoint; more are not counted, which leaves any ratio as it is. */
const COUNT_BITS = 18;
const COUNT_MASK = (1 << COUNT_BITS) - 1;
/** Seconds modulo 2^14 (4.5 hours): an older bucket is met again only by an endpoint idle for just that long. */
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
    this.#add(slot * this.#stride + SUCCESSES + (second % BUCKETS), second);
  }

  addFailure(slot: number, second: number): void {
    this.#add(slot * this.#stride + (second % BUCKETS), second);
  }

  /** Of the running second and the nine before it. */
  failures(slot: number, second: number): number {
    return this.#sum(slot * this.#stride, second);
  }

  successes(slot: number, second: number): number {
    return this.#sum(slot * this.#stride + SUCCESSES, second);
  }

  clear(slot: number): void {
    const base = slot * this.#stride;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      Atomics.store(this.#words, base + bucket, 0);
      Atomics.store(this.#words, base + SUCCESSES + bucket, 0);
    }
  }

  #add(index: number, second: number): void {
    const words = this.#words;
    for (;;) {
      const old = Atomics.load(words, index);
      const stale = (((old >>> COUNT_BITS) ^ second) & SECOND_MASK) !== 0;
      if (!stale && (old & COUNT_MASK) === COUNT_MASK) return;
      const next = stale ? (second << COUNT_BITS) | 1 : old + 1;
      if (Atomics.compareExchange(words, index, old, next) === old) return;
    }
  }

  /** Plain reads: a word is never torn, and a count that is a moment old is as good; atomic ones take 4 x as long. */
  #sum(base: number, second: number): number {
    const words = this.#words;
    let sum = 0;
    for (let index = base; index < base + BUCKETS; index++) {
      const word = words[index]!;
      const age = (second - (word >>> COUNT_BITS)) & SECOND_MASK;
      if (age < WINDOW_SECONDS) sum += word & COUNT_MASK;
    }
    return sum;
  }
}
