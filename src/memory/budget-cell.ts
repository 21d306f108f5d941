// The retry budget of the whole process. A retry count per request multiplies load just when an upstream is
// down: with three attempts everywhere, an outage triples the traffic. A budget bounds the sum instead: at
// most a fifth of the requests of the last seconds are repeated, plus a trickle for callers with few requests.
// (The argument at length: tower-rs/tower, tower/src/retry/budget.)
import type { Block } from './block.js';
import type { Clock } from './clock.js';

const MILLI = 1_000;
/** What one request adds: a fifth of a retry. */
const DEPOSIT = 0.2 * MILLI;
/** Share of the savings that survives a second: requests are forgotten over about ten. */
const KEPT_PER_SECOND = 0.9;
/** Below any overflow of the word: at 100,000 requests/s the savings stay near 200,000 tokens. */
const MAX_SAVINGS = 2 ** 30;
/** The trickle: one token every 100 ms, and at most ten of them at once. */
const TRICKLE_MS = 100;
const TRICKLE_BURST_MS = 900;

const [SAVINGS, SECOND, TRICKLE] = [0, 1, 2] as const;

export class RetryBudgetCell {
  readonly #words: Int32Array;
  readonly #clock: Clock;

  constructor(block: Block, clock: Clock) {
    this.#words = block.words('retryBudget');
    this.#clock = clock;
  }

  /** Call once for every request, not for its retries. */
  deposit(): void {
    this.#forget();
    if (Atomics.load(this.#words, SAVINGS) < MAX_SAVINGS) Atomics.add(this.#words, SAVINGS, DEPOSIT);
  }

  /** Takes a token for one retry; false when there is none. */
  withdraw(): boolean {
    this.#forget();
    for (;;) {
      const savings = Atomics.load(this.#words, SAVINGS);
      if (savings < MILLI) return this.#withdrawTrickle();
      if (Atomics.compareExchange(this.#words, SAVINGS, savings, savings - MILLI) === savings) return true;
    }
  }

  /** Fades the savings once per second that has passed; one thread wins the second and does it for all. */
  #forget(): void {
    const second = Math.floor(this.#clock() / 1000) | 0;
    const last = Atomics.load(this.#words, SECOND);
    const passed = second - last;
    if (passed <= 0 || Atomics.compareExchange(this.#words, SECOND, last, second) !== last) return;
    const kept = KEPT_PER_SECOND ** passed;
    for (;;) {
      const savings = Atomics.load(this.#words, SAVINGS);
      if (Atomics.compareExchange(this.#words, SAVINGS, savings, Math.floor(savings * kept)) === savings)
        return;
    }
  }

  /** The generic cell rate algorithm (ITU-T I.371): the word is when the next token is due. */
  #withdrawTrickle(): boolean {
    const now = Math.floor(this.#clock()) | 0;
    for (;;) {
      const due = Atomics.load(this.#words, TRICKLE);
      const distance = (due - now) | 0;
      // Never more than a full burst ahead: what looks further away is long past (the word wraps).
      const ahead = distance < 0 || distance > TRICKLE_BURST_MS + TRICKLE_MS ? 0 : distance;
      if (ahead > TRICKLE_BURST_MS) return false;
      const next = (now + ahead + TRICKLE_MS) | 0;
      if (Atomics.compareExchange(this.#words, TRICKLE, due, next) === due) return true;
    }
  }
}
