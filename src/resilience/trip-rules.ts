// When a breaker moves: pure functions of counts and times, apart from the machine they drive.

export interface TripRule {
  /** Whether this many calls in the window, of which so many failed, open the breaker. */
  trips(calls: number, failures: number): boolean;
  readonly openMs: number;
  /** Calls let through half-open by all threads together; all must succeed for it to close. */
  readonly probes: number;
  /** A probe without an outcome for this long has failed. */
  readonly probeMs: number;
}

/** Under `minimumCalls` a share means nothing: one failure of one call is not an outage. */
export function failureShare(share: number, minimumCalls: number): TripRule['trips'] {
  return (calls, failures) => calls >= minimumCalls && failures >= share * calls;
}

/**
 * A call that took this long has failed, even if it succeeded: whoever waits holds memory, a connection and
 * the patience of its own caller. A third of the default request deadline.
 */
export const SLOW_CALL_MS = 10_000;

/** Half of at least 20 calls within ten seconds; five seconds open; three probes. */
export const DEFAULT_TRIP_RULE: TripRule = {
  trips: failureShare(0.5, 20),
  openMs: 5_000,
  probes: 3,
  probeMs: SLOW_CALL_MS,
};
