// Repeats work whose end shows that repeating may help: a limited number of times, within the retry budget of
// the process, and never after the deadline.
import { setTimeout as delay } from 'node:timers/promises';
import { MAX_TIMER_MS } from './cancellation.js';
import type { AttemptEnd, Backoff, RetryBudget, Sleep, Work, WorkLimits } from './policy.js';

export interface RetryOptions {
  /** The number of attempts, including the first. */
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly budget: RetryBudget;
  /** Called when an attempt was due and the budget had no token for it. */
  readonly onExhausted?: () => void;
  readonly sleep?: Sleep;
  /**
   * The time for which the callees ask not to be called again; the next attempt waits for longer than that.
   * @default 0
   */
  readonly notBeforeMs?: () => number;
}

const sleepFor: Sleep = (ms, signal) => delay(ms, undefined, { signal });

export class Retry {
  readonly #options: RetryOptions;

  /** @throws RangeError unless `attempts` is a whole number from 1 on */
  constructor(options: RetryOptions) {
    if (!(Number.isInteger(options.attempts) && options.attempts >= 1)) {
      throw new RangeError('retry: attempts must be a whole number >= 1');
    }
    this.#options = options;
  }

  /** Repeats work after its first attempt; returns or throws the result of the last one. */
  async goOn<T>(first: AttemptEnd<T>, work: Work<T>, limits: WorkLimits): Promise<T> {
    let last = first;
    for (let attempt = 1; mayRepeat(last) && attempt < this.#options.attempts; attempt++) {
      if (!(await this.#wait(this.#waitMs(attempt), limits))) break;
      const next = await work(attempt + 1);
      // No callee is left. The result of the previous attempt is returned, because it explains more.
      if (next.kind === 'not-attempted') break;
      last = next;
    }
    return unwrap(last);
  }

  #waitMs(attempt: number): number {
    const { backoff, notBeforeMs } = this.#options;
    return (notBeforeMs?.() ?? 0) + backoff(attempt);
  }

  /**
   * The token is taken behind the wait. Callees may ask many callers to wait until the same moment, and their
   * attempts would come together although each was paid for in a second of its own.
   * @returns false when there must be no further attempt
   */
  async #wait(ms: number, { deadline, signal }: WorkLimits): Promise<boolean> {
    const { budget, onExhausted, sleep = sleepFor } = this.#options;
    if (signal.aborted || deadline.remainingMs() <= ms || ms > MAX_TIMER_MS) return false;
    if (budget.hasToken()) {
      try {
        await sleep(ms, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      if (signal.aborted) return false;
      if (budget.withdraw()) return true;
    }
    onExhausted?.();
    return false;
  }
}

/** Whether repeating the work is safe and may help. */
export function mayRepeat<T>(end: AttemptEnd<T>): boolean {
  return end.kind !== 'not-attempted' && end.mayRepeat;
}

function unwrap<T>(end: AttemptEnd<T>): T {
  if (end.kind === 'returned') return end.value;
  throw end.error;
}
