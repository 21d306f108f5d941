// When an instance is ejected, for how long, and how it returns: pure functions of counts and times. A
// breaker looks at the failed share of many calls; ejection looks at whether one of several equal instances
// fails several times in a row while the others do not, which shows after five calls. The terms and the
// orders of magnitude are those of Envoy's outlier detection and slow start.

/** The rule as the cells apply it. Times are milliseconds. */
export interface EjectionRule {
  /** Failures in a row, over all threads, after which an instance is ejected: 1..15. */
  readonly failures: number;
  /** The duration of the n-th ejection, `times` = 1 for the first. */
  ejectedMs(times: number): number;
  /** The number of earlier ejections that still count after `quietMs` without one. */
  remembered(times: number, quietMs: number): number;
  /** How long a new or returned instance gets a smaller share of the calls. */
  readonly slowStartMs: number;
}

/** Durations grow up to this many times the first one: beyond that they would only hide a recovery. */
const MOST_TIMES = 10;
/** After each such period without an ejection, one earlier ejection is forgotten. */
const FORGOTTEN_MS = 300_000;

/** @param baseMs the duration of the first ejection; 0: nothing is ever ejected */
export function ejectionRule(baseMs: number): EjectionRule {
  return {
    failures: 5,
    ejectedMs: (times) => baseMs * Math.min(times, MOST_TIMES),
    remembered: (times, quietMs) => Math.max(0, times - Math.floor(quietMs / FORGOTTEN_MS)),
    slowStartMs: 10_000,
  };
}

/**
 * Whether one more instance may be ejected: never more than half, and never the last one that can be called.
 * @param instances of the service, without those that drain
 * @param ejected how many of them are ejected
 * @param others how many are healthy and not ejected, without the one in question
 */
export function mayEject(instances: number, ejected: number, others: number): boolean {
  return others >= 1 && ejected + 1 <= Math.floor(instances / 2);
}

const STEPS = 10;
const LEAST_SHARE = 0.1;

/** The part of its usual share of calls that a new instance gets, and for how long. */
export interface SlowStart {
  readonly share: number;
  /** Milliseconds until the share changes; Infinity when it is whole. */
  readonly nextMs: number;
}

const WHOLE: SlowStart = { share: 1, nextMs: Number.POSITIVE_INFINITY };

/** The share grows in ten steps, so that lists derived from it are not made anew for every call. */
export function slowStart(ageMs: number, slowStartMs: number): SlowStart {
  if (ageMs >= slowStartMs) return WHOLE;
  const stepMs = slowStartMs / STEPS;
  const step = Math.floor(ageMs / stepMs);
  return { share: Math.max(LEAST_SHARE, step / STEPS), nextMs: (step + 1) * stepMs - ageMs };
}
