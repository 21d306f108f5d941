// So many of one kind at once and no more, over all threads: what is slow cannot take everything with it (M. Nygard,
// "Release It!"). A few may wait for a place, for a short time; who finds no place to wait, or waits too long, is refused.
import { UnavailableError } from '../errors.js';

/** Places, counted for all threads. */
export interface Permits {
  enter(most: number): boolean;
  leave(): void;
}

export interface BulkheadOptions {
  readonly permits: Permits;
  /** At once, in all threads. */
  readonly limit: number;
  /** May wait, in this thread. */
  readonly queue: number;
  /** For how long. */
  readonly queueMs: number;
  readonly onRefused: () => void;
}

/** A place that another thread has left is looked for at this pace, while somebody waits. */
const LOOK_EVERY_MS = 5;

interface Waiter {
  readonly until: number;
  readonly enter: () => void;
  readonly refuse: (reason: unknown) => void;
}

export class Bulkhead {
  readonly #options: BulkheadOptions;
  readonly #waiting = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BulkheadOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Takes a place, to be given back by `leave`; undefined: at once, no promise.
   * @param signal of whoever waits: it is not worth waiting any more
   * @throws UnavailableError OVERLOADED, the reason of the signal
   */
  enter(signal: () => AbortSignal): Promise<void> | undefined {
    const { permits, limit, queue } = this.#options;
    // Nobody overtakes those who wait.
    if (this.#waiting.size === 0 && permits.enter(limit)) return undefined;
    if (this.#waiting.size >= queue) throw this.#refusal();
    return this.#wait(signal());
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#options.permits.leave();
    else this.#admit(next);
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const left = (): void => {
        this.#remove(waiter);
        reject(signal.reason as Error);
      };
      const settled = <A extends readonly unknown[]>(end: (...args: A) => void) => {
        return (...args: A): void => {
          signal.removeEventListener('abort', left);
          end(...args);
        };
      };
      const until = performance.now() + this.#options.queueMs;
      const waiter: Waiter = { until, enter: settled(resolve), refuse: settled(reject) };
      signal.addEventListener('abort', left, { once: true });
      this.#waiting.add(waiter);
      this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
    });
  }

  #look(): void {
    const { permits, limit } = this.#options;
    const now = performance.now();
    for (const waiter of this.#waiting) {
      if (permits.enter(limit)) this.#admit(waiter);
      else if (waiter.until <= now) {
        this.#remove(waiter);
        waiter.refuse(this.#refusal());
      }
    }
  }

  #admit(waiter: Waiter): void {
    this.#remove(waiter);
    waiter.enter();
  }

  #remove(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #refusal(): UnavailableError {
    this.#options.onRefused();
    return new UnavailableError('OVERLOADED', 'Too many of these are being worked on.');
  }
}
