// The contract of this room: policies know functions, clocks, chance and the cells they are given, and
// nothing of what the work is. Whoever does the work says how it went; the policy says whether it is done
// again.
import type { Deadline } from '../deadline.js';

/** What one attempt says about whoever served it. `ignored`: nothing (the caller left, a rate limit). */
export type AttemptOutcome = 'success' | 'failure' | 'ignored';

/**
 * How one attempt ended.
 * `again`: repeating it is safe and may help. `untried`: nothing was attempted because nobody was left to
 * ask.
 */
export type Tried<T> =
  | { readonly kind: 'answered'; readonly value: T; readonly again: boolean }
  | { readonly kind: 'failed'; readonly error: unknown; readonly again: boolean }
  | { readonly kind: 'untried'; readonly error: unknown };

/** @param attempt 1 for the first */
export type Work<T> = (attempt: number) => Promise<Tried<T>>;

/** Within what a piece of work must end. */
export interface Limits {
  readonly deadline: Deadline;
  readonly signal: AbortSignal;
}

/** For work that is run under one name. */
export interface RunOptions {
  /** Of whoever waits for the work. Default in a handler: the signal of the request. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds to wait before attempt `attempt + 1`. */
export type Backoff = (attempt: number) => number;

/** Bounds all repetitions of the process together. */
export interface RetryBudget {
  /** Once for every piece of work, not for its repetitions. */
  deposit(): void;
  /** Takes a token for one repetition; false when there is none. */
  withdraw(): boolean;
}

/** Uniform in [0, 1). */
export type Random = () => number;

/** Resolves after `ms`; rejects when the signal aborts first. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;
