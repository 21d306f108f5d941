// A point in time by which somebody wants an answer. Monotonic, so a stepped wall clock cannot move it.

/**
 * A caller in a cooperating process has a budget of its own and hands on what is left of it, so a little less
 * than the budget of the called route is not impatience: this share of it counts as the whole.
 */
const WHOLE_BUDGET = 0.9;

/** A moment on this thread's monotonic clock (`performance.now()`); never sent to another thread as it is. */
export class Deadline {
  /** `performance.now()` milliseconds of this thread. */
  readonly at: number;
  /**
   * True when a caller allows less time than the work's own budget. Work that misses such a deadline tells
   * how long that caller wants to wait, and nothing about the endpoint that was called: breakers and ejection
   * ignore it.
   */
  readonly isShortened: boolean;

  private constructor(at: number, isShortened: boolean) {
    this.at = at;
    this.isShortened = isShortened;
  }

  static after(ms: number): Deadline {
    return new Deadline(performance.now() + ms, false);
  }

  /**
   * The deadline of work that began at `startedAt` and has `budgetMs` of its own.
   * @param allowedMs what is left of that to the caller's wishes, at most `budgetMs`
   */
  static allowed(startedAt: number, allowedMs: number, budgetMs: number): Deadline {
    return new Deadline(startedAt + allowedMs, allowedMs < budgetMs * WHOLE_BUDGET);
  }

  /**
   * The earlier of this deadline and `ms` from now, which is the caller's own budget: a callee never gets
   * more time than its caller has.
   */
  within(ms: number): Deadline {
    const at = performance.now() + ms;
    return at < this.at ? new Deadline(at, false) : this;
  }

  /** Milliseconds left, 0 when passed. What travels to others (`x-request-deadline`, `grpc-timeout`). */
  remainingMs(): number {
    return Math.max(0, this.at - performance.now());
  }

  get passed(): boolean {
    return performance.now() >= this.at;
  }
}
