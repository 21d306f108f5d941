// Bounds what the page shows of a service's metric. Each worker has at most 512 series of it, but when
// clients choose the values of a label, every worker has others, and a value can be long. The page shows the
// first 512 series of the process, as long as their lines have at most 256 KiB, and those of all metrics of
// services together 1 MiB; all further ones are shown as one, without labels. Which ones are shown never
// changes, so no sum ever goes down.
import type { SeriesTotal } from '../memory/metrics/recorder.js';
import { SERIES_PER_METRIC } from '../memory/metrics/series.js';
import { withoutKind } from '../memory/metrics/series-identity.js';
import { linesOf } from './exposition-text.js';

/** Bytes of the lines of one metric, with the numbers that they have when their series appear. */
export const SERIES_TEXT_BYTES = 262_144;

/** The same of all metrics of services together. */
export const ALL_SERIES_TEXT_BYTES = 1_048_576;

interface Shown {
  readonly series: Set<string>;
  bytes: number;
  /** Whether a series was refused. A later one may be shorter, but no series is shown after that. */
  isFull: boolean;
}

export class SeriesLimit {
  readonly #shown = new Map<string, Shown>();
  #bytes = 0;

  /**
   * Whether a series with labels is shown.
   * @param identity of its rows
   * @param total returns its numbers, which it had when it appeared
   */
  readonly isShown = (identity: string, metric: string, total: () => SeriesTotal): boolean => {
    const key = withoutKind(identity);
    let shown = this.#shown.get(metric);
    if (shown === undefined) {
      shown = { series: new Set(), bytes: 0, isFull: false };
      this.#shown.set(metric, shown);
    }
    if (shown.series.has(key)) return true;
    if (shown.isFull) return false;
    // OpenMetrics has the longer lines.
    const bytes = Buffer.byteLength(linesOf(metric, total(), 'openmetrics'));
    const isFull =
      shown.series.size >= SERIES_PER_METRIC ||
      shown.bytes + bytes > SERIES_TEXT_BYTES ||
      this.#bytes + bytes > ALL_SERIES_TEXT_BYTES;
    if (isFull) {
      shown.isFull = true;
      return false;
    }
    shown.series.add(key);
    shown.bytes += bytes;
    this.#bytes += bytes;
    return true;
  };
}
