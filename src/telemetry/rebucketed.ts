// Converts a histogram to other buckets. Workers before and after a reload may have declared different
// buckets for one metric, and the page shows one set of them: the latest. An observation goes to the first
// new bucket that is certain to contain it, so a bucket that both have shows the same count as before.
import { cellOf, HISTOGRAM_EDGES_US } from '../memory/metrics/histogram.js';
import type { SeriesTotal } from '../memory/metrics/recorder.js';

const US_PER_SECOND = 1e6;
/** The upper bounds of the cells of durations, in seconds. */
const DURATION_BOUNDS = HISTOGRAM_EDGES_US.map((us) => us / US_PER_SECOND);

/** @param bounds undefined: the cells of durations, which have seconds as their unit */
export function rebucketed(total: SeriesTotal, bounds: readonly number[] | undefined): SeriesTotal {
  const { metric, kind, labels, cells, bounds: before, value } = total;
  if (cells === undefined || areSame(before, bounds)) return total;
  const from = before ?? DURATION_BOUNDS;
  const moved = new Array<number>(cells.length).fill(0);
  for (const [cell, count] of cells.entries()) {
    if (count > 0) moved[cellFor(from[cell], bounds, moved.length)]! += count;
  }
  const inSeconds = before === undefined ? value / US_PER_SECOND : value;
  const sum = bounds === undefined ? Math.max(0, Math.round(inSeconds * US_PER_SECOND)) : inSeconds;
  return { metric, kind, labels, value: sum, cells: moved, ...(bounds !== undefined && { bounds }) };
}

/** @param bound the upper bound of the old cell; undefined for the last one */
function cellFor(bound: number | undefined, bounds: readonly number[] | undefined, cells: number): number {
  if (bounds === undefined) {
    return bound === undefined ? cells - 1 : cellOf(Math.round(bound * US_PER_SECOND));
  }
  const cell = bound === undefined ? -1 : bounds.findIndex((one) => one >= bound);
  return cell === -1 ? bounds.length : cell;
}

const areSame = (one: readonly number[] | undefined, other: readonly number[] | undefined): boolean =>
  one === other ||
  (one !== undefined && one.length === other?.length && one.every((bound, at) => bound === other[at]));
