// Options of a bulkhead: their meaning, their checks, and their form in shared memory.
import {
  checkOptions,
  type OptionKind,
  type OptionsShape,
  shapeOf,
  typeErrorFor,
  wholeNumber,
} from '../options.js';

/** The options of a bulkhead, which bounds how much runs at once. */
export interface BulkheadOptions {
  /** The number of permits: how much work may run at once, in all threads together; 1 or more. */
  readonly limit: number;
  /**
   * How many callers may wait for a permit, in each thread.
   * @default 0
   */
  readonly queue?: number;
  /**
   * How long a caller may wait for a permit, in milliseconds: above 0, at most 60000.
   * @default 50
   */
  readonly queueMs?: number;
}

const QUEUE_MS = 50;
const LONGEST_QUEUE_MS = 60_000;

export const BULKHEAD_KINDS: { readonly [K in keyof BulkheadOptions]-?: OptionKind } = {
  limit: wholeNumber(1),
  queue: wholeNumber(0),
  queueMs: {
    text: `a number above 0, at most ${LONGEST_QUEUE_MS}`,
    is: (value) => typeof value === 'number' && value > 0 && value <= LONGEST_QUEUE_MS,
  },
};

/** @returns the shape of options that contain those of a bulkhead */
export const bulkheadShape = <O extends BulkheadOptions>(
  kinds: {
    readonly [K in keyof Required<O>]: OptionKind;
  },
): OptionsShape => shapeOf<O>('{ limit: 20, queue: 50 }', kinds, ['limit']);

const BULKHEAD = bulkheadShape<BulkheadOptions>(BULKHEAD_KINDS);

/**
 * @param what names the options at the beginning of an error message
 * @param shape that of the options, when they are more than those of a bulkhead
 * @throws TypeError for an unknown option and for a bad value
 */
export function checkedBulkheadOptions(
  what: string,
  given: BulkheadOptions,
  shape = BULKHEAD,
): Required<BulkheadOptions> {
  checkOptions(given, shape, typeErrorFor(what));
  const { limit, queue = 0, queueMs = QUEUE_MS } = given;
  return { limit, queue, queueMs };
}

/** The largest number that shared memory keeps beside a name. */
const MOST = 2 ** 31 - 2;

/** @returns the options as shared memory keeps them: permits, waiters, microseconds */
export const bulkheadNumbers = ({ limit, queue, queueMs }: Required<BulkheadOptions>): readonly number[] =>
  [limit, queue, Math.round(queueMs * 1000)].map((value) => Math.min(value, MOST));
