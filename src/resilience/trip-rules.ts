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
const SLOW_CALL_MS = 10_000;
const OPEN_MS = 5_000;

export interface TripTimes {
  readonly openMs: number;
  /** 0: no call is too slow; a probe must end all the same. */
  readonly slowCallMs: number;
}

/** Half of at least 20 calls within ten seconds; open for so long; three probes. */
export function tripRule({ openMs, slowCallMs }: TripTimes): TripRule {
  const probeMs = slowCallMs === 0 ? SLOW_CALL_MS : slowCallMs;
  return { trips: failureShare(0.5, 20), openMs, probes: 3, probeMs };
}

export const DEFAULT_TRIP_RULE: TripRule = tripRule({ openMs: OPEN_MS, slowCallMs: SLOW_CALL_MS });
