// `/metrics`: the families of all sources in the text format of Prometheus, or in OpenMetrics when the client
// prefers it.
import { lazyModule } from '../lazy-module.js';
import { coalescedAfresh } from './coalesced.js';
import type { ExpositionFormat } from './exposition-format.js';
import type { MetricSource } from './metric-families.js';
import type { MetricsPage } from './metrics-page.js';
import { PageBuffer } from './page-buffer.js';
import { ProcessWatch } from './process-watch.js';

export interface ExpositionOptions {
  /** @default one that starts now */
  readonly watch?: ProcessWatch;
  /** See `ProcessMetrics`. */
  readonly skipped?: () => void;
}

/** Bytes that are kept for the first page, and the share of the last page that is kept for the next one. */
const [FIRST_BYTES, ROOM] = [65_536, 1.1];

export class Exposition {
  readonly #page: () => Promise<MetricsPage>;
  /** Bytes that the next page probably has. */
  #expected = FIRST_BYTES;
  readonly #renders: Readonly<Record<ExpositionFormat, () => Promise<Buffer>>> = {
    prometheus: coalescedAfresh(() => this.#render('prometheus')),
    openmetrics: coalescedAfresh(() => this.#render('openmetrics')),
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
  bytes(format: ExpositionFormat): Promise<Buffer> {
    return this.#renders[format]();
  }

  /** The page as text; see `bytes`. */
  async render(format: ExpositionFormat): Promise<string> {
    return (await this.bytes(format)).toString();
  }

  async #render(format: ExpositionFormat): Promise<Buffer> {
    const page = new PageBuffer(this.#expected);
    await (await this.#page()).write(format, page.write);
    this.#expected = Math.ceil(page.bytes.length * ROOM);
    return page.bytes;
  }
}
