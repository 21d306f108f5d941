// The contract of a circuit breaker over numbered cells: closed lets everything through and counts, open
// refuses at once, half-open lets a few probes decide. memory/breaker/breaker-cell.ts keeps it in shared
// memory, so "20 calls" and "3 probes" are those of the whole process; trip-rules.ts says when it moves.
import { UnavailableError } from '../errors.js';
import type { AttemptOutcome } from './policy.js';

export interface Breaker {
  /**
   * A ticket for one piece of work, to be given to `settle` exactly once; negative when it must not be done.
   */
  admit(cell: number): number;
  /** Whether `admit` would give one now; takes nothing. Another thread may be faster. */
  admits(cell: number): boolean;
  /** @param now milliseconds of the shared clock, if it has just been read */
  settle(cell: number, ticket: number, outcome: AttemptOutcome, now?: number): void;
  /** Milliseconds until work may be admitted: 0 now, Infinity while forced open. */
  retryInMs(cell: number): number;
}

/** Each state carries what is valid in it. Times are milliseconds of the shared clock. */
export type BreakerState =
  | { readonly state: 'closed'; readonly calls: number; readonly failures: number }
  | { readonly state: 'open'; readonly since: number; readonly retryInMs: number }
  | {
      readonly state: 'half-open';
      /** Probes that may be made, were let through, have succeeded. */
      readonly permitted: number;
      readonly taken: number;
      readonly succeeded: number;
    }
  | { readonly state: 'forced-open' }
  | { readonly state: 'forced-closed' };

export interface Transitions {
  readonly open: number;
  readonly halfOpen: number;
  readonly closed: number;
}

/** What an operator sees and may do. */
export interface BreakerControl {
  state(cell: number): BreakerState;
  /** Changes so far into each state. */
  transitions(cell: number): Transitions;
  /** Of all cells, also those nobody uses any more: never goes down. */
  totalTransitions(): Transitions;
  force(cell: number, to: 'open' | 'closed' | 'auto'): void;
}

/** What a caller is told to wait while an operator holds the breaker open. */
const FORCED_OPEN_RETRY_S = 5;

/** @param retryInMs of the breaker that lets work through first */
export function breakerOpenError(detail: string, retryInMs: number): UnavailableError {
  const seconds = Number.isFinite(retryInMs) ? Math.max(1, Math.ceil(retryInMs / 1000)) : FORCED_OPEN_RETRY_S;
  return new UnavailableError('BREAKER_OPEN', detail, seconds);
}
