// The buckets of a histogram as they are shown: those of the contract for durations, its own for others.
import { HISTOGRAM_EDGES_US, LE_BOUNDS_US } from '../memory/metrics/histogram.js';
import type { SeriesTotal } from '../memory/metrics/recorder.js';

export interface Buckets {
  /** Upper bounds in the unit of the metric, ascending, without the infinite one. */
  readonly bounds: readonly number[];
  /** Observations in each bucket, one more than there are bounds. They are not cumulative. */
  readonly counts: readonly number[];
  /** The sum of all observations, in the unit of the metric. */
  readonly sum: number;
}

const LE_SECONDS = LE_BOUNDS_US.map((us) => us / 1e6);
/** Number of cells that lie at or below each `le` bound: the cells have an edge at every bound. */
const CELLS_BELOW = LE_BOUNDS_US.map((bound) => HISTOGRAM_EDGES_US.indexOf(bound) + 1);

export function bucketsOf({ bounds, value }: SeriesTotal, cells: readonly number[]): Buckets {
  if (bounds !== undefined) return { bounds, counts: cells.slice(0, bounds.length + 1), sum: value };
  const counts: number[] = [];
  let cell = 0;
  for (const end of [...CELLS_BELOW, cells.length]) {
    let count = 0;
    for (; cell < end; cell++) count += cells[cell]!;
    counts.push(count);
  }
  return { bounds: LE_SECONDS, counts, sum: value / 1e6 };
}
