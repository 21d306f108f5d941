// What prom-client knows about the process itself: `process_*` and `nodejs_*`. Some of it is read from files
// of /proc at each scrape. Without a file descriptor prom-client would show the last value, or 0, for a
// process that is out of them; what could not be read is left out instead, as Prometheus expects of a value
// that is not known.
import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';

/** What is read from files: by prom-client itself, and by `process.memoryUsage()`. */
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
   * Starts to observe the process (garbage collection, event loop): one per process.
   * @param skipped called for each scrape without values that are read from files
   */
  constructor(skipped: () => void) {
    this.#skipped = skipped;
    collectDefaultMetrics({ register: this.#registry });
  }

  /**
   * As of now. Those called `_total` that are no counters are left out: `promtool check metrics` refuses the
   * names.
   */
  async read(): Promise<readonly ProcessMetric[]> {
    for (const name of FROM_FILES) (this.#registry.getSingleMetric(name) as Gauge | undefined)?.remove();
    const metrics = await this.#registry.getMetricsAsJSON();
    if (metrics.some(({ name, values }) => FROM_FILES.includes(name) && values.length === 0)) this.#skipped();
    return metrics.filter(({ name, type }) => String(type) === 'counter' || !name.endsWith('_total'));
  }
}
