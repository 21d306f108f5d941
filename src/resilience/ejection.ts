// When an instance is taken out of the pick, for how long, and how it comes back: pure functions of counts
// and times. A breaker asks what share of many calls failed; this asks whether one of several like instances
// fails in a row where the others do not, which is seen after five calls. Terms and order of magnitude are
// those of Envoy's outlier detection and slow start.

/** The rule as the cells apply it. Times are milliseconds. */
export interface EjectionRule {
  /** Failures in a row, over all threads, 1..15. */
  readonly failures: number;
  /** How long the `times`-th ejection lasts, 1 for the first. */
  ejectedMs(times: number): number;
  /** What is left of earlier ejections after so long without one. */
  remembered(times: number, quietMs: number): number;
  /** How long an instance that comes is spared. */
  readonly slowStartMs: number;
}

/** Beyond this a longer ejection only means that nobody looks any more. */
const MOST_TIMES = 10;
/** Without an ejection for this long, one earlier ejection is forgotten. */
const FORGOTTEN_MS = 300_000;

/** @param baseMs of the first ejection; 0: nothing is ever ejected */
export function ejectionRule(baseMs: number): EjectionRule {
  return {
    failures: 5,
    ejectedMs: (times) => baseMs * Math.min(times, MOST_TIMES),
    remembered: (times, quietMs) => Math.max(0, times - Math.floor(quietMs / FORGOTTEN_MS)),
    slowStartMs: 10_000,
  };
}

/**
 * Whether one more may be ejected: never more than half, and never the last one that can be picked.
 * @param instances of the service, those that drain left out
 * @param ejected of them
 * @param others that are healthy and not ejected, without the one in question
 */
export function mayEject(instances: number, ejected: number, others: number): boolean {
  return others >= 1 && ejected + 1 <= Math.floor(instances / 2);
}

const STEPS = 10;
const LEAST_SHARE = 0.1;

/** What an instance that has just come gets of its share of calls, and when it gets more. */
export interface SlowStart {
  readonly share: number;
  /** Milliseconds until the share changes; Infinity when it is whole. */
  readonly nextMs: number;
}

const WHOLE: SlowStart = { share: 1, nextMs: Number.POSITIVE_INFINITY };

/** In ten steps, so that what is made from it need not be made anew for every call. */
export function slowStart(ageMs: number, slowStartMs: number): SlowStart {
  if (ageMs >= slowStartMs) return WHOLE;
  const stepMs = slowStartMs / STEPS;
  const step = Math.floor(ageMs / stepMs);
  return { share: Math.max(LEAST_SHARE, step / STEPS), nextMs: (step + 1) * stepMs - ageMs };
}
