// Decides when a breaker changes its state: pure functions of counts and times.
// memory/breaker/breaker-cell.ts keeps the states and applies these rules.

export interface TripRule {
  /** Whether this many calls in the window, of which `failures` failed, open the breaker. */
  trips(calls: number, failures: number): boolean;
  readonly openMs: number;
  /** The number of calls admitted half-open, in all threads together; all must succeed for it to close. */
  readonly probes: number;
  /** The breaker opens again when its probes have had no outcome for this long. */
  readonly probeMs: number;
}

/** A share times a whole number is not always exact: 0.07 of 100 is a little more than 7. */
const ROUNDING = 1e-6;

/**
 * A rule by the share of failed calls. With fewer calls than `minimumCalls` it never opens: one failed call
 * of one is not an outage.
 */
export function failureShare(share: number, minimumCalls: number): TripRule['trips'] {
  return (calls, failures) => calls >= minimumCalls && failures >= share * calls - ROUNDING;
}

/** The numbers that a rule is made from. */
export interface TripNumbers {
  /** Share of the calls in the window, above 0, at most 1. */
  readonly failureRate: number;
  readonly minimumCalls: number;
  readonly openMs: number;
  readonly probes: number;
  /**
   * A call that takes longer counts as failed. 0: no call is too slow; probes still have to end (`probeMs`).
   */
  readonly slowCallMs: number;
}

/**
 * A breaker opens when half of at least 20 calls within ten seconds have failed, for five seconds, and then
 * admits three probes. A call that took ten seconds has failed even if it succeeded, because its caller held
 * memory and a connection all the time; that is a third of the default request deadline.
 */
export const DEFAULT_TRIP_NUMBERS: TripNumbers = {
  failureRate: 0.5,
  minimumCalls: 20,
  openMs: 5_000,
  probes: 3,
  slowCallMs: 10_000,
};

/** @param numbers those that differ from the default */
export function tripRule(numbers: Partial<TripNumbers>): TripRule {
  const { failureRate, minimumCalls, openMs, probes, slowCallMs } = { ...DEFAULT_TRIP_NUMBERS, ...numbers };
  const probeMs = slowCallMs === 0 ? DEFAULT_TRIP_NUMBERS.slowCallMs : slowCallMs;
  return { trips: failureShare(failureRate, minimumCalls), openMs, probes, probeMs };
}

export const DEFAULT_TRIP_RULE: TripRule = tripRule({});
