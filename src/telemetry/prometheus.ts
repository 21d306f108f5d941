// `/metrics`: the families of all sources in the text format of Prometheus, or in OpenMetrics when the client
// prefers it.
import { lazyModule } from '../lazy-module.js';
import { coalesced } from './coalesced.js';
import type { ExpositionFormat } from './exposition-format.js';
import type { MetricSource } from './metric-families.js';
import type { MetricsPage } from './metrics-page.js';

export class Exposition {
  readonly #page: () => Promise<MetricsPage>;
  readonly #renders: Readonly<Record<ExpositionFormat, () => Promise<string>>> = {
    prometheus: coalesced(() => this.#render('prometheus')),
    openmetrics: coalesced(() => this.#render('openmetrics')),
  };

  /**
   * Create only one per process, in the primary. prom-client is loaded at the first scrape, because a start
   * would wait for it: the metrics of garbage collection and of the event loop begin there.
   * @param skipped see `ProcessMetrics`
   */
  constructor(sources: readonly MetricSource[], skipped: () => void = () => undefined) {
    this.#page = lazyModule(async () => {
      const { MetricsPage } = await import('./metrics-page.js');
      return new MetricsPage(sources, skipped);
    });
  }

  /**
   * Renders the page. Concurrent calls share one result.
   * @throws OutOfFilesError at the first scrape, when the process has too few free file descriptors
   */
  render(format: ExpositionFormat): Promise<string> {
    return this.#renders[format]();
  }

  async #render(format: ExpositionFormat): Promise<string> {
    return (await this.#page()).render(format);
  }
}
