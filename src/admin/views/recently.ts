// Results that several clients share for a while.

/**
 * Returns a function that does the work at most once at a time, and uses a result for `forMs` milliseconds.
 * @param clock milliseconds
 */
export function recently<T>(
  forMs: number,
  work: () => Promise<T>,
  clock: () => number = () => performance.now(),
): () => Promise<T> {
  let shared: { readonly result: Promise<T>; endsAt: number } | undefined;
  return () => {
    if (shared !== undefined && clock() < shared.endsAt) return shared.result;
    const one = { result: work(), endsAt: Number.POSITIVE_INFINITY };
    shared = one;
    one.result.then(
      () => {
        one.endsAt = clock() + forMs;
      },
      () => {
        if (shared === one) shared = undefined;
      },
    );
    return one.result;
  };
}

/**
 * Keeps a value that takes long to get. A caller gets the last value, never waits for a new one, and makes it
 * be renewed when it is older than `forMs`; one renewal runs at a time. A failed one keeps the last value.
 */
export class Refreshed<T> {
  readonly #forMs: number;
  readonly #work: () => Promise<T>;
  readonly #clock: () => number;
  #value: T | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(forMs: number, work: () => Promise<T>, clock: () => number = () => performance.now()) {
    this.#forMs = forMs;
    this.#work = work;
    this.#clock = clock;
  }

  /** The last value; undefined until there is one. */
  get(): T | undefined {
    if (this.#running === undefined && this.#clock() - this.#renewedAt >= this.#forMs) this.#renew();
    return this.#value;
  }

  /** Resolves when the renewal that runs now has ended, if one does. */
  settled(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  #renew(): void {
    this.#running = this.#work()
      .then(
        (value) => {
          this.#value = value;
        },
        () => undefined,
      )
      .finally(() => {
        this.#renewedAt = this.#clock();
        this.#running = undefined;
      });
  }
}
