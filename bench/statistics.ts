// The few statistics of the reports. All are of rounds, and there are few of them, so medians and ranges say
// more than means and deviations.

/** The median with its range. Every result is reported in this form. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws RangeError when there are no values */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('spread of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** How far a ratio is from 1, the same for a ratio and its inverse: 0.10 for 1.105 and for 0.905. */
export const distance = (ratio: number): number => Math.abs(Math.log(ratio));

/**
 * The calm rounds: the three fifths (rounded up) whose A/A ratio is nearest to 1, in the order of the rounds.
 * In the others something disturbed the one server or its double, and so perhaps the rest as well. Without a
 * double all rounds count.
 */
export function calmRounds(doubleRatios: readonly number[] | undefined, rounds: number): readonly number[] {
  const all = Array.from({ length: rounds }, (_, round) => round);
  if (doubleRatios === undefined) return all;
  const nearest = all.toSorted((a, b) => distance(doubleRatios[a]!) - distance(doubleRatios[b]!));
  return nearest.slice(0, Math.ceil((rounds * 3) / 5)).toSorted((a, b) => a - b);
}
