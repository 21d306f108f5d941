// One timer for everything that a thread does at regular intervals. Each wake-up of a thread that is idle
// costs far more than the work that it wakes up for, so works that are due at nearly the same time run
// together.

/** Calls `work` about every `ms` milliseconds, until the returned function is called. */
export type Every = (ms: number, work: () => void) => () => void;

/** Uses a timer for each work. */
export const ownInterval: Every = (ms, work) => {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
};

/** A work runs up to this much earlier than it is due, together with another one. */
export const EARLY_MS = 12;

interface Entry {
  readonly ms: number;
  readonly work: () => void;
  /** On the clock of `performance.now()`. */
  dueAt: number;
}

export class GroupedInterval {
  readonly #entries = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer rings, on the clock of `performance.now()`. */
  #ringsAt = Number.POSITIVE_INFINITY;

  readonly every: Every = (ms, work) => {
    const entry = { ms, work, dueAt: performance.now() + ms };
    this.#entries.add(entry);
    if (entry.dueAt < this.#ringsAt) this.#wait();
    return () => {
      this.#entries.delete(entry);
      if (this.#entries.size === 0) this.#wait();
    };
  };

  /** Sets the timer for the work that is due first. */
  #wait(): void {
    clearTimeout(this.#timer);
    this.#ringsAt = Math.min(...[...this.#entries].map(({ dueAt }) => dueAt), Number.POSITIVE_INFINITY);
    if (this.#entries.size === 0) return;
    this.#timer = setTimeout(() => this.#run(), Math.max(1, this.#ringsAt - performance.now()));
  }

  #run(): void {
    const now = performance.now();
    for (const entry of [...this.#entries]) {
      if (entry.dueAt > now + EARLY_MS || !this.#entries.has(entry)) continue;
      entry.dueAt = now + entry.ms;
      try {
        entry.work();
      } catch (error) {
        // The others still run, and the error goes where that of a timer goes.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.#wait();
  }
}
