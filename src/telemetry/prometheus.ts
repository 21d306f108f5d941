// `/metrics`: the families of all sources in the text format of Prometheus, or in OpenMetrics when the client
// prefers it.
import { lazyModule } from '../lazy-module.js';
import { coalesced } from './coalesced.js';
import type { ExpositionFormat } from './exposition-format.js';
import type { MetricSource } from './metric-families.js';
import type { MetricsPage } from './metrics-page.js';
import { ProcessWatch } from './process-watch.js';

export interface ExpositionOptions {
  /** @default one that starts now */
  readonly watch?: ProcessWatch;
  /** See `ProcessMetrics`. */
  readonly skipped?: () => void;
}

export class Exposition {
  readonly #page: () => Promise<MetricsPage>;
  readonly #renders: Readonly<Record<ExpositionFormat, () => Promise<string>>> = {
    prometheus: coalesced(() => this.#render('prometheus')),
    openmetrics: coalesced(() => this.#render('openmetrics')),
  };

  /**
   * Create only one per process, in the primary. prom-client is loaded at the first scrape, because a start
   * would wait for it.
   */
  constructor(sources: readonly MetricSource[], options: ExpositionOptions = {}) {
    const { watch = new ProcessWatch(), skipped = () => undefined } = options;
    this.#page = lazyModule(async () => {
      // Node.js keeps the failure of a module whose dependency was missing for a moment, but not that of the
      // module that was asked for. So the dependency is loaded first.
      await import('prom-client');
      const { MetricsPage } = await import('./metrics-page.js');
      return new MetricsPage(sources, watch, skipped);
    });
  }

  /**
   * Renders the page. Concurrent calls share one result.
   * @throws OutOfFilesError before the page was rendered once, when the process has too few free file
   *   descriptors
   */
  render(format: ExpositionFormat): Promise<string> {
    return this.#renders[format]();
  }

  async #render(format: ExpositionFormat): Promise<string> {
    return (await this.#page()).render(format);
  }
}
