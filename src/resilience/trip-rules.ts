// When a breaker moves: pure functions of counts and times, apart from the machine they drive.

export interface TripRule {
  /** Whether this number of calls in the window, with this number of failures, opens the breaker. */
  trips(calls: number, failures: number): boolean;
  /** How long it refuses everything before it lets probes through. */
  readonly openMs: number;
  /** Calls let through half-open by all threads together, 1 to 15; all must succeed for it to close. */
  readonly probes: number;
  /** The breaker opens again when its probes have had no outcome for this long: lost ones cannot wedge it. */
  readonly probeMs: number;
}

/** A share times a whole number is not always exact: 0.07 of 100 is a little more than 7. */
const ROUNDING = 1e-6;

/** Under `minimumCalls` a share means nothing: one failure of one call is not an outage. */
export function failureShare(share: number, minimumCalls: number): TripRule['trips'] {
  return (calls, failures) => calls >= minimumCalls && failures >= share * calls - ROUNDING;
}

/** What a rule is made of. */
export interface TripNumbers {
  /** Of the calls in the window, above 0, at most 1. */
  readonly failureRate: number;
  readonly minimumCalls: number;
  readonly openMs: number;
  readonly probes: number;
  /** 0: no call is too slow; a probe must end all the same. */
  readonly slowCallMs: number;
}

/**
 * Half of at least 20 calls within ten seconds; open for five; three probes. A call that took ten seconds has
 * failed, even if it succeeded: whoever waits holds memory, a connection and the patience of its own caller.
 * It is a third of the default request deadline.
 */
export const DEFAULT_TRIP_NUMBERS: TripNumbers = {
  failureRate: 0.5,
  minimumCalls: 20,
  openMs: 5_000,
  probes: 3,
  slowCallMs: 10_000,
};

/** @param numbers those that are not the default */
export function tripRule(numbers: Partial<TripNumbers>): TripRule {
  const { failureRate, minimumCalls, openMs, probes, slowCallMs } = { ...DEFAULT_TRIP_NUMBERS, ...numbers };
  const probeMs = slowCallMs === 0 ? DEFAULT_TRIP_NUMBERS.slowCallMs : slowCallMs;
  return { trips: failureShare(failureRate, minimumCalls), openMs, probes, probeMs };
}

export const DEFAULT_TRIP_RULE: TripRule = tripRule({});
