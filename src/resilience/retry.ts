// Repeats work that failed in a way that repeating may help: a bounded number of times, within the budget of
// the process, and never after the deadline.
import { setTimeout as delay } from 'node:timers/promises';
import type { Backoff, Limits, RetryBudget, Sleep, Tried, Work } from './policy.js';

export interface RetryOptions {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly budget: RetryBudget;
  /** A repetition was due and the budget had no token for it. */
  readonly onExhausted?: () => void;
  readonly sleep?: Sleep;
}

const sleepFor: Sleep = (ms, signal) => delay(ms, undefined, { signal });

export class Retry {
  readonly #options: RetryOptions;

  constructor(options: RetryOptions) {
    if (!(Number.isInteger(options.attempts) && options.attempts >= 1)) {
      throw new RangeError('retry: attempts must be a whole number >= 1');
    }
    this.#options = options;
  }

  async run<T>(work: Work<T>, limits: Limits): Promise<T> {
    let last = await work(1);
    for (let attempt = 1; mayRepeat(last) && attempt < this.#options.attempts; attempt++) {
      if (!(await this.#wait(attempt, limits))) break;
      const next = await work(attempt + 1);
      // The failure that was seen says more than "nobody is left to ask".
      if (next.kind === 'untried') break;
      last = next;
    }
    return unwrap(last);
  }

  /** False when there must be no further attempt. */
  async #wait(attempt: number, { deadline, signal }: Limits): Promise<boolean> {
    const { backoff, budget, onExhausted, sleep = sleepFor } = this.#options;
    const ms = backoff(attempt);
    if (signal.aborted || deadline.remainingMs() <= ms) return false;
    if (!budget.withdraw()) {
      onExhausted?.();
      return false;
    }
    try {
      await sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return !signal.aborted;
  }
}

function mayRepeat<T>(tried: Tried<T>): boolean {
  return tried.kind !== 'untried' && tried.again;
}

function unwrap<T>(tried: Tried<T>): T {
  if (tried.kind === 'answered') return tried.value;
  throw tried.error;
}
