// Measures how busy the threads of the pool are: the share of their time in which they run tasks.

/** The ratio covers at least this long, unless the pool is younger. */
const LEAST_MS = 5_000;

/** The time and the amount of work from which on the ratio is taken. */
interface Mark {
  readonly at: number;
  /** Milliseconds of threads with a task until then. */
  readonly busyMs: number;
  /** Milliseconds of all threads that were allowed until then. */
  readonly allowedMs: number;
}

export class PoolUsage {
  readonly #now: () => number;
  #running = 0;
  #threads: number;
  #latest: Mark;
  #from: Mark;
  #next: Mark;
  /** The same for `recent`. */
  #recentFrom: Mark;
  #recentNext: Mark;

  /** @param now the clock, in milliseconds */
  constructor(threads: number, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#threads = threads;
    this.#latest = { at: now(), busyMs: 0, allowedMs: 0 };
    this.#from = this.#latest;
    this.#next = this.#latest;
    this.#recentFrom = this.#latest;
    this.#recentNext = this.#latest;
  }

  /** The number of tasks that run, or of threads that are allowed, has changed. */
  set({ running = this.#running, threads = this.#threads }: { running?: number; threads?: number }): void {
    this.#advance();
    this.#running = running;
    this.#threads = threads;
  }

  /** The ratio 0..1 over the last 5 to 10 s, or since the previous reading if that was longer ago. */
  get ratio(): number {
    this.#advance();
    if (this.#latest.at - this.#next.at >= LEAST_MS) {
      this.#from = this.#next;
      this.#next = this.#latest;
    }
    return this.#ratioFrom(this.#from);
  }

  /** The ratio 0..1 over the last 5 to 15 s, whenever it was read before. */
  get recent(): number {
    this.#advance();
    return this.#ratioFrom(this.#recentFrom);
  }

  #ratioFrom(from: Mark): number {
    const allowedMs = this.#latest.allowedMs - from.allowedMs;
    // After a reduction more tasks may run than threads are allowed, until the first of them end.
    return allowedMs > 0 ? Math.min(1, (this.#latest.busyMs - from.busyMs) / allowedMs) : 0;
  }

  #advance(): void {
    const { at, busyMs, allowedMs } = this.#latest;
    const now = this.#now();
    // The numbers were the same since then.
    const markAt = (then: number): Mark => ({
      at: then,
      busyMs: busyMs + (then - at) * this.#running,
      allowedMs: allowedMs + (then - at) * this.#threads,
    });
    this.#latest = markAt(now);
    if (now - this.#recentNext.at < LEAST_MS) return;
    this.#recentFrom = now - at >= LEAST_MS ? markAt(now - LEAST_MS) : this.#recentNext;
    this.#recentNext = this.#latest;
  }
}
