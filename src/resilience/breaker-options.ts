// What the author of a breaker may choose, checked where it is registered. Its numbers go with its name in
// shared memory, as whole numbers, so that all threads and the operator's view have the same rule.
import { checkOptions, FUNCTION, type OptionKind, shapeOf, typeErrorFor, wholeNumber } from '../options.js';
import { DEFAULT_TRIP_NUMBERS, type TripNumbers } from './trip-rules.js';

export interface BreakerOptions {
  /**
   * Share of the calls of the last ten seconds that must have failed for it to open: above 0, at most 1, to a
   * thousandth. Default 0.5.
   */
  readonly failureRate?: number;
  /** Calls in these ten seconds, of all threads, before the share means anything. Default 20. */
  readonly minimumCalls?: number;
  /**
   * How long it refuses everything before it lets probes through, milliseconds, 100 or more. Default 5000.
   */
  readonly openMs?: number;
  /**
   * Calls let through half-open, in all threads together: 1..15. All must succeed for it to close. Default 3.
   */
  readonly probes?: number;
  /**
   * What succeeds after this many milliseconds has failed all the same, and probes that have not ended by
   * then open it again. 0: no call is too slow, and a probe may take 10000. Default 10000.
   */
  readonly slowCallMs?: number;
  /**
   * Whether what the work has thrown is a failure of what it called. False: it has answered, as with a 404,
   * which is a success. Default: everything is a failure. It should not throw: then the default counts.
   */
  isFailure?(error: unknown): boolean;
  /**
   * Whether what the work has returned is a success, as a 503 that `fetch` returns is not. Default: it is.
   * It should not throw: then the default counts.
   */
  isSuccess?(value: unknown): boolean;
}

/** That of the setting BREAKER_OPEN_MS. */
const LEAST_OPEN_MS = 100;
const MAX_MS = 86_400_000;

export const BREAKER_KINDS: { readonly [K in keyof BreakerOptions]-?: OptionKind } = {
  failureRate: {
    text: 'a number from 0.001 to 1',
    is: (value) => typeof value === 'number' && value >= 0.001 && value <= 1,
  },
  minimumCalls: wholeNumber(1, 1_000_000),
  openMs: wholeNumber(LEAST_OPEN_MS, MAX_MS),
  probes: wholeNumber(1, 15),
  slowCallMs: wholeNumber(0, MAX_MS),
  isFailure: FUNCTION,
  isSuccess: FUNCTION,
};

const BREAKER = shapeOf<BreakerOptions>('{ openMs: 30_000 }', BREAKER_KINDS);

/**
 * @param what is said in front of what is wrong
 * @param shape of settings among which are those of a breaker
 * @throws TypeError
 */
export function checkedTripNumbers(what: string, settings: BreakerOptions, shape = BREAKER): TripNumbers {
  checkOptions(settings, shape, typeErrorFor(what));
  const {
    failureRate = DEFAULT_TRIP_NUMBERS.failureRate,
    minimumCalls = DEFAULT_TRIP_NUMBERS.minimumCalls,
    openMs = DEFAULT_TRIP_NUMBERS.openMs,
    probes = DEFAULT_TRIP_NUMBERS.probes,
    slowCallMs = DEFAULT_TRIP_NUMBERS.slowCallMs,
  } = settings;
  return { failureRate: Math.round(failureRate * 1000) / 1000, minimumCalls, openMs, probes, slowCallMs };
}

/** As they are kept. */
export const toStoredNumbers = (numbers: TripNumbers): readonly number[] => [
  Math.round(numbers.failureRate * 1000),
  numbers.minimumCalls,
  numbers.openMs,
  numbers.probes,
  numbers.slowCallMs,
];

/** @param terms what `toStoredNumbers` has made */
export function fromStoredNumbers(terms: readonly number[]): TripNumbers {
  const [thousandths = 0, minimumCalls = 0, openMs = 0, probes = 0, slowCallMs = 0] = terms;
  return { failureRate: thousandths / 1000, minimumCalls, openMs, probes, slowCallMs };
}
