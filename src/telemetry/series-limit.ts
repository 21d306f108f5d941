// Bounds the series of a service's metric on the page. Each worker has at most 512 of them, but when clients
// choose the values of a label, every worker has others. Beyond the first 512 of the process, further series
// are shown as one, without labels. Which ones are shown never changes, so no sum ever goes down.
import type { Labels, SeriesTotal } from '../memory/metrics/recorder.js';
import { SERIES_PER_METRIC } from '../memory/metrics/series.js';

export class SeriesLimit {
  readonly #shown = new Map<string, Set<string>>();

  /** The number of series in the last call of `apply` that were shown as one, by metric. */
  readonly merged = new Map<string, number>();

  /** @param isBounded whether the number of series of a metric is bounded elsewhere */
  apply(series: readonly SeriesTotal[], isBounded: (metric: string) => boolean): SeriesTotal[] {
    this.merged.clear();
    return series.map((total) => {
      const { metric, labels } = total;
      if (isBounded(metric) || this.#isShown(metric, labels)) return total;
      this.merged.set(metric, (this.merged.get(metric) ?? 0) + 1);
      return { ...total, labels: {} };
    });
  }

  #isShown(metric: string, labels: Labels): boolean {
    const names = Object.keys(labels);
    if (names.length === 0) return true;
    const key = JSON.stringify(names.sort().map((name) => [name, labels[name]]));
    let shown = this.#shown.get(metric);
    if (shown === undefined) {
      shown = new Set();
      this.#shown.set(metric, shown);
    }
    if (shown.has(key)) return true;
    if (shown.size >= SERIES_PER_METRIC) return false;
    shown.add(key);
    return true;
  }
}
