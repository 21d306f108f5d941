/**
 * The quantile by nearest rank. @throws RangeError for no values, so that no response does not pass as fast
 */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('quantile of no values');
  const rank = Math.min(values.length - 1, Math.floor(values.length * share));
  return values.toSorted((a, b) => a - b)[rank]!;
}
