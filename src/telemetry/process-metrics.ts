// The metrics that prom-client measures about the process itself: `process_*` and `nodejs_*`. Some of them
// are read from /proc at each scrape. When no file descriptor is free, prom-client would show the last value
// or 0; such metrics are omitted instead, as Prometheus expects for unknown values.
import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';

/** Metrics that are read from files, by prom-client itself or by `process.memoryUsage()`. */
const FROM_FILES: readonly string[] = [
  'process_resident_memory_bytes',
  'process_virtual_memory_bytes',
  'process_heap_bytes',
  'process_open_fds',
  'nodejs_heap_size_total_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
];

type ProcessMetric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

export class ProcessMetrics {
  readonly #registry = new Registry();
  readonly #skipped: () => void;

  /**
   * Starts to observe the process (garbage collection, event loop). Create only one per process.
   * @param skipped called for each scrape in which values from files could not be read
   */
  constructor(skipped: () => void) {
    this.#skipped = skipped;
    collectDefaultMetrics({ register: this.#registry });
  }

  /**
   * The current values. Gauges whose name ends in `_total` are omitted, because `promtool check metrics`
   * refuses such names.
   */
  async read(): Promise<readonly ProcessMetric[]> {
    for (const name of FROM_FILES) (this.#registry.getSingleMetric(name) as Gauge | undefined)?.remove();
    const metrics = await this.#registry.getMetricsAsJSON();
    if (metrics.some(({ name, values }) => FROM_FILES.includes(name) && values.length === 0)) this.#skipped();
    return metrics.filter(({ name, type }) => String(type) === 'counter' || !name.endsWith('_total'));
  }
}
