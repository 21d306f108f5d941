// The share of calls of an endpoint that fail, smoothed over the last ones of all threads: one word.
//
//   bits 0-11 the share, 12-31 units of 256 ms of the shared clock when it was changed last
//
// The time wraps around after three days. An old share then looks recent for some seconds, in which other
// endpoints are preferred.
import type { Table } from './area.js';
import { toWord } from './elapsed.js';
import { remaining } from './smoothing.js';

/** Weight of a new call in the share. */
const WEIGHT = 1 / 8;
/** From this share on an endpoint counts as failing: two failures in a row, or a fifth of the calls. */
const FAILING = 0.2;
const SHARE_BITS = 12;
const WHOLE = (1 << SHARE_BITS) - 1;
const UNIT_BITS = 8;
const TIME_MASK = 2 ** (32 - SHARE_BITS) - 1;

const unitsAt = (now: number): number => (toWord(now) >>> UNIT_BITS) & TIME_MASK;

export class EndpointFailures {
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #at: number;

  /** @param at the word in the row of an endpoint */
  constructor({ words, stride }: Table, at: number) {
    this.#words = words;
    this.#stride = stride;
    this.#at = at;
  }

  /** Counts a call that has ended. */
  count(slot: number, isFailure: boolean, now: number): void {
    const index = slot * this.#stride + this.#at;
    for (;;) {
      const word = Atomics.load(this.#words, index);
      if (word === 0 && !isFailure) return;
      const share = shareIn(word, now);
      const next = share + ((isFailure ? 1 : 0) - share) * WEIGHT;
      const packed = Math.round(next * WHOLE);
      const changed = packed === 0 ? 0 : (unitsAt(now) << SHARE_BITS) | packed;
      if (Atomics.compareExchange(this.#words, index, word, changed) === word) return;
    }
  }

  clear(slot: number): void {
    Atomics.store(this.#words, slot * this.#stride + this.#at, 0);
  }

  isFailing(slot: number, now: number): boolean {
    const word = this.#words[slot * this.#stride + this.#at]!; // plain: see EndpointCells.look
    return (word & WHOLE) >= FAILING * WHOLE && shareIn(word, now) >= FAILING;
  }
}

/** The share, which halves like a latency while there are no calls. */
function shareIn(word: number, now: number): number {
  const share = (word & WHOLE) / WHOLE;
  const units = (unitsAt(now) - (word >>> SHARE_BITS)) & TIME_MASK;
  // The clock of another thread may be ahead by less than a unit.
  return units === 0 || units === TIME_MASK ? share : share * remaining(units << UNIT_BITS);
}
