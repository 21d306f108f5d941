// The time by which work must be done. It is monotonic, so a stepped wall clock cannot move it.
// The clock is imported, because the global of the same name is a getter that costs a tenth of a microsecond.
import { performance } from 'node:perf_hooks';

/**
 * The share of a route's budget that counts as the whole budget. A caller in a cooperating process passes on
 * what is left of its own budget, which is always a little less: such a deadline is not shortened.
 */
const WHOLE_BUDGET = 0.9;

/** Timers of Node.js are up to a millisecond early. */
const EARLY_TIMER_MS = 2;

/**
 * A time on this thread's monotonic clock (`performance.now()`). Clocks of threads differ, so only the
 * remaining milliseconds may be sent to another thread.
 */
export class Deadline {
  /** `performance.now()` milliseconds of this thread. */
  readonly at: number;
  /**
   * True when a caller allows less time than the work's own budget. Missing such a deadline depends on how
   * long that caller waits and proves nothing about the called endpoint, so breakers and ejection ignore it.
   */
  readonly isShortened: boolean;

  private constructor(at: number, isShortened: boolean) {
    this.at = at;
    this.isShortened = isShortened;
  }

  /** That of work which may go on for ever, such as a response that streams. */
  static readonly none = new Deadline(Number.POSITIVE_INFINITY, false);

  static after(ms: number): Deadline {
    return new Deadline(performance.now() + ms, false);
  }

  /**
   * The deadline of work that began at `startedAt` and has a budget of `budgetMs`.
   * @param allowedMs time that the caller allows, at most `budgetMs`
   * @param isOfStranger the caller does not cooperate: whatever it takes from the budget shortens the
   *   deadline
   */
  static allowed(startedAt: number, allowedMs: number, budgetMs: number, isOfStranger = false): Deadline {
    const whole = isOfStranger ? budgetMs : budgetMs * WHOLE_BUDGET;
    return new Deadline(startedAt + allowedMs, allowedMs < whole);
  }

  /**
   * The earlier of this deadline and `ms` from now. A callee thus never gets more time than its caller has.
   */
  within(ms: number): Deadline {
    const at = performance.now() + ms;
    return at < this.at ? new Deadline(at, false) : this;
  }

  /** This deadline; `ms` from now where there is none. */
  orAfter(ms: number): Deadline {
    return this === Deadline.none ? Deadline.after(ms) : this;
  }

  /**
   * Milliseconds that are left, 0 when passed: the form sent to others (`x-request-deadline`,
   * `grpc-timeout`).
   */
  remainingMs(): number {
    return Math.max(0, this.at - performance.now());
  }

  /**
   * Whether this deadline is still to come. Work that a deadline has ended already was then ended by the
   * caller's own, which shows nothing about the callee.
   */
  get isAhead(): boolean {
    return this.remainingMs() > EARLY_TIMER_MS;
  }

  get passed(): boolean {
    return performance.now() >= this.at;
  }
}
