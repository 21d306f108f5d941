// The contracts between the policies of this module and the work that they run. A policy knows functions, a
// clock, random numbers and the cells that it is given, and nothing of what the work is: the work reports how
// an attempt ended, and the policy decides whether there is another one.
import type { Deadline } from '../deadline.js';

/**
 * What the end of an attempt shows about the callee. `ignored`: nothing, because the caller left or a limit
 * refused the attempt.
 */
export type AttemptOutcome = 'success' | 'failure' | 'ignored';

/**
 * How one attempt ended. `mayRepeat`: repeating it is safe and may help. `not-attempted`: there was no callee
 * to try.
 */
export type AttemptEnd<T> =
  | { readonly kind: 'returned'; readonly value: T; readonly mayRepeat: boolean }
  | { readonly kind: 'failed'; readonly error: unknown; readonly mayRepeat: boolean }
  | { readonly kind: 'not-attempted'; readonly error: unknown };

/** @param attempt 1 for the first */
export type Work<T> = (attempt: number) => Promise<AttemptEnd<T>>;

/** When work has to end. */
export interface WorkLimits {
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
}

/** Options of `run` of a breaker and of a bulkhead. */
export interface RunOptions {
  /**
   * When it aborts, the caller no longer waits for the work.
   * @default in a handler, the signal of the request
   */
  readonly signal?: AbortSignal | undefined;
}

/** @returns milliseconds to wait before attempt `attempt + 1` */
export type Backoff = (attempt: number) => number;

/** Limits the repetitions of the whole process. */
export interface RetryBudget {
  /** Call once for every piece of work, and not for its repetitions. */
  deposit(): void;
  /** Whether there is a token now, which other work may take first. */
  hasToken(): boolean;
  /** Takes a token for one repetition, which begins at once. @returns false when there is none */
  withdraw(): boolean;
}

/** @returns a number that is uniform in [0, 1) */
export type Random = () => number;

/** Resolves after `ms`; rejects when the signal aborts first. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;
