// Options of a breaker, checked where it is registered. Shared memory keeps its numbers beside its name, as
// whole numbers, so that all threads and the operator's view apply the same rule.
import { checkOptions, FUNCTION, type OptionKind, shapeOf, typeErrorFor, wholeNumber } from '../options.js';
import { DEFAULT_TRIP_NUMBERS, type TripNumbers } from './trip-rules.js';

/** The options of a circuit breaker. */
export interface BreakerOptions {
  /**
   * Share of the calls of the last ten seconds that must have failed for the breaker to open: 0.001 to 1,
   * rounded to a thousandth.
   * @default 0.5
   */
  readonly failureRate?: number;
  /**
   * The number of calls in these ten seconds, in all threads together, below which it does not open.
   * @default 20
   */
  readonly minimumCalls?: number;
  /**
   * How long it stays open before it admits probes, in milliseconds, 100 or more.
   * @default 5000
   */
  readonly openMs?: number;
  /**
   * The number of calls admitted half-open, in all threads together: 1 to 15. All must succeed for it to
   * close.
   * @default 3
   */
  readonly probes?: number;
  /**
   * A success that took this many milliseconds or more counts as a failure, and probes that have not ended by
   * then open the breaker again. 0: no call is too slow, and a probe may take 10000 ms.
   * @default 10000
   */
  readonly slowCallMs?: number;
  /**
   * Whether an error that the work threw is a failure of the callee. Return false for one that shows that the
   * callee works, such as a 404: it counts as a success. When this function throws, the default applies.
   * @default every error is a failure
   */
  isFailure?(error: unknown): boolean;
  /**
   * Whether the value that the work returned is a success. When this function throws, the default applies.
   * @default every value is a success
   * @example
   * ```ts
   * // `fetch` resolves for a response of any status, so without this a 503 would be a success.
   * shared.breaker('mail', { isSuccess: (response) => (response as Response).status < 500 });
   * ```
   */
  isSuccess?(value: unknown): boolean;
}

/** The least value of the setting BREAKER_OPEN_MS as well. */
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
 * @param what names the options at the beginning of an error message
 * @param shape that of the options, when they are more than those of a breaker
 * @throws TypeError for an unknown option and for a bad value
 */
export function checkedTripNumbers(what: string, given: BreakerOptions, shape = BREAKER): TripNumbers {
  checkOptions(given, shape, typeErrorFor(what));
  const {
    failureRate = DEFAULT_TRIP_NUMBERS.failureRate,
    minimumCalls = DEFAULT_TRIP_NUMBERS.minimumCalls,
    openMs = DEFAULT_TRIP_NUMBERS.openMs,
    probes = DEFAULT_TRIP_NUMBERS.probes,
    slowCallMs = DEFAULT_TRIP_NUMBERS.slowCallMs,
  } = given;
  return { failureRate: Math.round(failureRate * 1000) / 1000, minimumCalls, openMs, probes, slowCallMs };
}

/** @returns the numbers as shared memory keeps them: whole numbers, the rate in thousandths */
export const toStoredNumbers = (numbers: TripNumbers): readonly number[] => [
  Math.round(numbers.failureRate * 1000),
  numbers.minimumCalls,
  numbers.openMs,
  numbers.probes,
  numbers.slowCallMs,
];

/** @param stored the result of `toStoredNumbers` */
export function fromStoredNumbers(stored: readonly number[]): TripNumbers {
  const [thousandths = 0, minimumCalls = 0, openMs = 0, probes = 0, slowCallMs = 0] = stored;
  return { failureRate: thousandths / 1000, minimumCalls, openMs, probes, slowCallMs };
}
