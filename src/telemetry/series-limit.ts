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

export interface Limited {
  readonly rows: SeriesTotal[];
  /** The number of series that were shown as one, by metric. */
  readonly merged: ReadonlyMap<string, number>;
}

export class SeriesLimit {
  readonly #shown = new Map<string, Shown>();
  #bytes = 0;

  /**
   * @param series by the identity of their rows
   * @param isBounded whether the number of series of a metric is bounded elsewhere
   * @param rest is called before each series; it gives way to other work when it returns a promise
   */
  async apply(
    series: ReadonlyMap<string, SeriesTotal>,
    isBounded: (metric: string) => boolean,
    rest: () => Promise<void> | undefined,
  ): Promise<Limited> {
    const rows: SeriesTotal[] = [];
    const merged = new Map<string, number>();
    for (const [identity, total] of series) {
      const resting = rest();
      if (resting !== undefined) await resting;
      const { metric } = total;
      if (isBounded(metric) || this.#isShown(identity, total)) rows.push(total);
      else {
        merged.set(metric, (merged.get(metric) ?? 0) + 1);
        rows.push({ ...total, labels: {} });
      }
    }
    return { rows, merged };
  }

  #isShown(identity: string, total: SeriesTotal): boolean {
    const { metric, labels } = total;
    if (Object.keys(labels).length === 0) return true;
    const key = withoutKind(identity);
    let shown = this.#shown.get(metric);
    if (shown === undefined) {
      shown = { series: new Set(), bytes: 0, isFull: false };
      this.#shown.set(metric, shown);
    }
    if (shown.series.has(key)) return true;
    if (shown.isFull) return false;
    // OpenMetrics has the longer lines.
    const bytes = Buffer.byteLength(linesOf(metric, total, 'openmetrics'));
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
  }
}
