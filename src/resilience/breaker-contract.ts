// The contract of a circuit breaker over numbered cells. A closed breaker admits all work and counts, an open
// one rejects at once, and a half-open one lets a few probes decide. memory/breaker/breaker-cell.ts keeps the
// cells in shared memory, so "20 calls" and "3 probes" are those of the whole process; trip-rules.ts decides
// when a cell changes its state.
import { UnavailableError } from '../errors.js';
import type { AttemptOutcome } from './policy.js';

export interface Breaker {
  /**
   * @returns a ticket for one piece of work, to be passed to `settle` exactly once; negative when the work
   *   must not be done
   */
  admit(cell: number): number;
  /** Whether `admit` would give a ticket now. It takes nothing, so another thread may get the last one. */
  admits(cell: number): boolean;
  /** Whether a ticket is one of the few of a half-open breaker, which waits for their outcomes. */
  isProbe(ticket: number): boolean;
  /** @param now milliseconds of the shared clock, if it has just been read */
  settle(cell: number, ticket: number, outcome: AttemptOutcome, now?: number): void;
  /** Milliseconds until work may be admitted: 0 now, Infinity while forced open. */
  retryInMs(cell: number): number;
}

/** The state of a breaker, each with the values that it has. Times are milliseconds of the shared clock. */
export type BreakerState =
  | { readonly state: 'closed'; readonly calls: number; readonly failures: number }
  | { readonly state: 'open'; readonly since: number; readonly retryInMs: number }
  | {
      readonly state: 'half-open';
      /** The number of probes that may be made, were admitted, and have succeeded. */
      readonly permitted: number;
      readonly taken: number;
      readonly succeeded: number;
    }
  | { readonly state: 'forced-open' }
  | { readonly state: 'forced-closed' };

/** How often each state was entered. */
export interface Transitions {
  readonly open: number;
  readonly halfOpen: number;
  readonly closed: number;
}

/** What a breaker has counted in the last ten seconds. */
export interface WindowCounts {
  readonly calls: number;
  readonly failures: number;
}

/** What an operator can see and change. */
export interface BreakerControl {
  state(cell: number): BreakerState;
  /** The counts of the window that opened a breaker; undefined unless it is open or half-open. */
  tripped(cell: number): WindowCounts | undefined;
  transitions(cell: number): Transitions;
  /** The transitions of all cells together, also of cells no longer in use: they never decrease. */
  totalTransitions(): Transitions;
  force(cell: number, to: 'open' | 'closed' | 'auto'): void;
}

/** `Retry-After` of callers while an operator holds the breaker open. */
const FORCED_OPEN_RETRY_S = 5;

/** @param retryInMs of the breaker that admits work first */
export function breakerOpenError(detail: string, retryInMs: number): UnavailableError {
  const seconds = Number.isFinite(retryInMs) ? Math.max(1, Math.ceil(retryInMs / 1000)) : FORCED_OPEN_RETRY_S;
  return new UnavailableError('BREAKER_OPEN', detail, seconds);
}
