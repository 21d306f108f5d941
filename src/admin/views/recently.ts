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

/** A value that is older than this many periods is not used any more, unless its renewal takes long. */
const USED_FOR = 1.5;
/** The most age of a value whose renewal takes long: it is that of the look before. */
const MOST_AGE_MS = 120_000;

/**
 * Keeps a value that takes long to get. A caller gets the last value, and makes it be renewed when it is
 * older than `forMs`; one renewal runs at a time. A failed one keeps the last value. A value for which no
 * renewal has ended in half a period more is waited for anew, because nothing has asked for it for a while.
 * Where that takes long, the one before is used for up to two minutes: else a caller that comes once a minute
 * would never see a value that takes longer to get than it waits.
 */
export class Refreshed<T> {
  readonly #forMs: number;
  readonly #work: () => Promise<T>;
  readonly #clock: () => number;
  #value: T | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #running: { readonly ended: Promise<void>; readonly since: number } | undefined;

  constructor(forMs: number, work: () => Promise<T>, clock: () => number = () => performance.now()) {
    this.#forMs = forMs;
    this.#work = work;
    this.#clock = clock;
  }

  /** The last value; undefined when there is none that is young enough. Begins its renewal when it is due. */
  get(): T | undefined {
    return this.#young() ?? this.#kept();
  }

  #kept(): T | undefined {
    return this.#clock() - this.#renewedAt < MOST_AGE_MS ? this.#value : undefined;
  }

  #young(): T | undefined {
    const now = this.#clock();
    if (this.#running === undefined && now - this.#renewedAt >= this.#forMs) this.#renew(now);
    return now - this.#renewedAt < this.#forMs * USED_FOR ? this.#value : undefined;
  }

  /**
   * The same. Where it is not known, the renewal that runs is waited for, `ms` from its beginning at most.
   */
  async known(ms: number): Promise<T | undefined> {
    const value = this.#young();
    if (value !== undefined || this.#running === undefined) return value;
    const { ended, since } = this.#running;
    const leftMs = ms - (this.#clock() - since);
    if (leftMs <= 0) return this.#kept();
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs).unref();
      cancel = () => clearTimeout(timer);
    });
    await Promise.race([ended, late]);
    cancel();
    return this.get();
  }

  #renew(since: number): void {
    const ended = this.#work()
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
    this.#running = { ended, since };
  }
}
