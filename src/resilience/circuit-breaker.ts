// A breaker around any piece of work: the machine of breaker.ts for one cell, with what the end of the work says to it.
// Whoever calls services has this in upstream/attempt.ts, where the end is an answer of HTTP.
import { HttpError } from '../errors.js';
import { currentScope } from '../scope.js';
import { type Breaker, type BreakerControl, type BreakerState, openRefusal } from './breaker.js';
import type { BreakerSettings } from './breaker-settings.js';
import type { Outcome, RunOptions } from './policy.js';

export interface CircuitBreaker {
  /**
   * Does the work and returns what it gives; refuses at once, without doing it, while the breaker is open. It
   * does not end what takes too long: hand the signal to the work. What ends after the signal of `options`
   * has aborted says nothing about what is called, unless it is the deadline that has passed; nor does what
   * fails behind a deadline that a caller of the running request has shortened.
   * @throws UnavailableError BREAKER_OPEN with `Retry-After` when refused, the reason of a signal that has
   * aborted before, and what the work throws
   */
  run<T>(work: () => T | PromiseLike<T>, options?: RunOptions): Promise<T>;
  /** As it stands now, over all threads. */
  readonly state: BreakerState;
  /** The operator's hand: `open` refuses everything, `closed` lets everything through, `auto` hands it back. */
  force(to: 'open' | 'closed' | 'auto'): void;
}

export interface CircuitBreakerParts {
  readonly name: string;
  readonly cells: Breaker & Pick<BreakerControl, 'state' | 'force'>;
  readonly cell: number;
  /** 0: no call is too slow. */
  readonly slowCallMs: number;
  readonly judge: Pick<BreakerSettings, 'isFailure' | 'isSuccess'>;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

export function circuitBreaker(parts: CircuitBreakerParts): CircuitBreaker {
  const { name, cells, cell, slowCallMs, judge, clock } = parts;
  return {
    async run(work, { signal } = {}) {
      signal?.throwIfAborted();
      const ticket = cells.admit(cell);
      if (ticket < 0) throw openRefusal(`The breaker "${name}" is open.`, cells.retryInMs(cell));
      const begun = clock();
      // What a judge throws is its own fault, and the ticket goes back all the same.
      let outcome: Outcome = 'failure';
      let ended: number | undefined;
      try {
        const value = await work();
        ended = clock();
        const isSlow = slowCallMs > 0 && ended - begun >= slowCallMs;
        outcome = !isSlow && (judge.isSuccess?.(value) ?? true) ? 'success' : 'failure';
        return value;
      } catch (error) {
        const scope = currentScope();
        if (isOfNobody(error, signal ?? scope?.signal)) outcome = 'ignored';
        else if (scope?.deadline.isShortened && scope.deadline.passed) {
          // The time that a caller allows is over: that is a failure only if a success would have been too
          // slow.
          if (slowCallMs === 0 || clock() - begun < slowCallMs) outcome = 'ignored';
        } else if (judge.isFailure?.(error) === false) outcome = 'success';
        throw error;
      } finally {
        cells.settle(cell, ticket, outcome, ended);
      }
    },
    get state() {
      return cells.state(cell);
    },
    force: (to) => cells.force(cell, to),
  };
}

/** The caller left, or a limit within the work has refused it: what is called has had no part in it. */
function isOfNobody(error: unknown, signal: AbortSignal | undefined): boolean {
  if (error instanceof HttpError && (error.code === 'OVERLOADED' || error.code === 'RATE_LIMITED'))
    return true;
  return signal?.aborted === true && !isDeadline(signal.reason);
}

/** Ours, or that of `AbortSignal.timeout`. */
const isDeadline = (reason: unknown): boolean =>
  (reason instanceof HttpError && reason.code === 'DEADLINE_EXCEEDED') ||
  (reason instanceof Error && reason.name === 'TimeoutError');
