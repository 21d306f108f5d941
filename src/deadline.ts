// A point in time by which somebody wants an answer. Monotonic, so a stepped wall clock cannot move it.

/** A moment on this thread's monotonic clock (`performance.now()`); never sent to another thread as it is. */
export class Deadline {
  /** `performance.now()` milliseconds of this thread. */
  readonly at: number;

  private constructor(at: number) {
    this.at = at;
  }

  static after(ms: number): Deadline {
    return new Deadline(performance.now() + ms);
  }

  /** The earlier of this deadline and `ms` from now: a callee never gets more time than its caller has. */
  within(ms: number): Deadline {
    const at = performance.now() + ms;
    return at < this.at ? new Deadline(at) : this;
  }

  /** Milliseconds left, 0 when passed. What travels to others (`x-request-deadline`, `grpc-timeout`). */
  remainingMs(): number {
    return Math.max(0, this.at - performance.now());
  }

  get passed(): boolean {
    return performance.now() >= this.at;
  }
}
