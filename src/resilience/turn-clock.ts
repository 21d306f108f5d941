// Turns of the event loop as a request handler can observe them, without a callback per turn. A turn begins
// with the first request of a poll phase. All requests that one poll finds have waited since the poll before
// it, whatever their order: a queue in front of the thread shows as a long turn.
import type { LoopSignals } from './loop-signals.js';

/** A request this long after the last turn began opens another one, even if the loop shows no new turn. */
const SAME_TURN_MS = 5;
/** The number of requests between two reads of the clock, while a request takes less than `LONG_STEP_MS`. */
const STRIDE = 8;
const LONG_STEP_MS = 1;
/**
 * The least time that counts as a wait of the loop. A poll that finds events at once also adds some
 * microseconds to the time that the loop has slept.
 */
export const LEAST_WAIT_MS = 1;

export class TurnClock {
  beganAt = 0;
  /**
   * Milliseconds from the beginning of the turn before to the beginning of this one, and how many of them the
   * loop slept.
   */
  elapsedMs = 0;
  sleptMs = 0;
  readonly #loop: LoopSignals;
  #isOpen = false;
  /** Whether the loop will report the end of the turn. */
  #isTracked = false;
  #slept = 0;
  #requests = 0;
  #nextReading = STRIDE;
  #readAt = 0;
  #longestStepMs = 0;
  #spentMs = 0;
  readonly #close = (): void => {
    this.#isOpen = false;
    this.#isTracked = false;
  };

  constructor(loop: LoopSignals) {
    this.#loop = loop;
    this.beganAt = loop.now();
    this.#slept = loop.sleptMs();
  }

  /**
   * Call once per request.
   * @returns true for the first request of a turn; `elapsedMs` and `sleptMs` have then been renewed
   */
  hasTurned(): boolean {
    if (this.#isTracked) return false;
    const slept = this.#loop.sleptMs();
    if (!this.#isOpen || slept !== this.#slept) {
      this.#begin(slept);
      return true;
    }
    this.#isTracked = true;
    this.#loop.afterPoll(this.#close);
    if (this.#loop.now() - this.beganAt <= SAME_TURN_MS) return false;
    this.#begin(slept);
    return true;
  }

  /**
   * Call from time to time between two polls: the time in which no request arrives belongs to no turn.
   * @returns true where the loop has waited since the turn began; `elapsedMs` and `sleptMs` have then been
   *   renewed, and the next request opens another turn
   */
  hasRested(): boolean {
    const slept = this.#loop.sleptMs();
    if (slept - this.#slept < LEAST_WAIT_MS) return false;
    this.#begin(slept);
    this.#isOpen = false;
    return true;
  }

  /**
   * Milliseconds that this turn has taken so far, without its longest step: one slow handler or one pause
   * does not mean many requests. Call once per request; the clock is read only for some of them.
   */
  spentMs(): number {
    if (++this.#requests < this.#nextReading) return this.#spentMs;
    const now = this.#loop.now();
    const stepMs = now - this.#readAt;
    this.#readAt = now;
    if (stepMs > this.#longestStepMs) this.#longestStepMs = stepMs;
    this.#nextReading = this.#requests + (stepMs > LONG_STEP_MS ? 1 : STRIDE);
    this.#spentMs = now - this.beganAt - this.#longestStepMs;
    return this.#spentMs;
  }

  /** Milliseconds that the turn has been running; 0 when the loop has waited since it began. */
  runningMs(now: number): number {
    return this.#loop.sleptMs() === this.#slept ? now - this.beganAt : 0;
  }

  #begin(slept: number): void {
    const now = this.#loop.now();
    this.elapsedMs = now - this.beganAt;
    this.sleptMs = slept - this.#slept;
    this.beganAt = now;
    this.#slept = slept;
    this.#isOpen = true;
    this.#requests = 0;
    this.#nextReading = STRIDE;
    this.#readAt = now;
    this.#longestStepMs = 0;
    this.#spentMs = 0;
  }
}
