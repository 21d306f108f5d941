// The metrics of prom-client about the process itself: `process_*` and `nodejs_*`. Some of them are read from
// /proc at each scrape. When no file descriptor is free, prom-client would show the last value or 0; such
// metrics are omitted instead, as Prometheus expects for unknown values. The delays of the event loop and the
// garbage collections come from ProcessWatch, because prom-client, which is loaded at the first scrape, would
// begin to count them only there. It gives them names and texts.
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { GarbageCollections } from './garbage-collections.js';
import type { LoopDelaySummary } from './loop-delays.js';
import { openFileCount } from './open-file-count.js';
import type { ProcessWatch } from './process-watch.js';

const OPEN_FILES = 'process_open_fds';
/** Metrics that are read from files, by prom-client itself or by `process.memoryUsage()`. */
const FROM_FILES: readonly string[] = [
  'process_resident_memory_bytes',
  'process_virtual_memory_bytes',
  'process_heap_bytes',
  OPEN_FILES,
  'nodejs_heap_size_total_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
];

/** Metrics of the delays of the event loop, all in seconds. */
const DELAYS: Readonly<Record<string, keyof LoopDelaySummary>> = {
  nodejs_eventloop_lag_min_seconds: 'min',
  nodejs_eventloop_lag_max_seconds: 'max',
  nodejs_eventloop_lag_mean_seconds: 'mean',
  nodejs_eventloop_lag_stddev_seconds: 'stddev',
  nodejs_eventloop_lag_p50_seconds: 'p50',
  nodejs_eventloop_lag_p90_seconds: 'p90',
  nodejs_eventloop_lag_p99_seconds: 'p99',
};
const COLLECTIONS = 'nodejs_gc_duration_seconds';
/**
 * The interval in milliseconds in which prom-client's own timer looks at the loop: about 25 days, so that it
 * does not wake the process up.
 */
const NEVER_MS = 2 ** 31 - 1;
const NS_PER_SECOND = 1e9;

type ProcessMetric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];
type Value = ProcessMetric['values'][number] & { readonly metricName?: string };

export class ProcessMetrics {
  readonly #registry = new Registry();
  readonly #watch: ProcessWatch;
  readonly #skipped: () => void;

  /**
   * Create only one per process.
   * @param skipped called for each scrape in which values from files could not be read
   */
  constructor(watch: ProcessWatch, skipped: () => void) {
    this.#watch = watch;
    this.#skipped = skipped;
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: NEVER_MS });
    this.#countFilesInTurns();
  }

  /** prom-client reads the names of all open files at once. */
  #countFilesInTurns(): void {
    if (this.#registry.getSingleMetric(OPEN_FILES) === undefined) return;
    this.#registry.removeSingleMetric(OPEN_FILES);
    new Gauge({
      name: OPEN_FILES,
      help: 'Number of open file descriptors.',
      registers: [this.#registry],
      async collect() {
        const count = await openFileCount();
        if (count !== undefined) this.set(count);
      },
    });
  }

  /**
   * The current values. The delays of the loop are those since the last call, and are omitted when there was
   * none: two calls came within 10 ms. Gauges whose name ends in `_total` are omitted, because `promtool
   * check metrics` refuses such names.
   */
  async read(): Promise<readonly ProcessMetric[]> {
    for (const name of FROM_FILES) (this.#registry.getSingleMetric(name) as Gauge | undefined)?.remove();
    const metrics = await this.#registry.getMetricsAsJSON();
    if (metrics.some(({ name, values }) => FROM_FILES.includes(name) && values.length === 0)) this.#skipped();
    const delays = this.#watch.loopDelays.take();
    return metrics
      .filter(({ name, type }) => String(type) === 'counter' || !name.endsWith('_total'))
      .map((metric) => {
        const delay = DELAYS[metric.name];
        if (delay !== undefined) return { ...metric, values: delays ? [delayValue(delays[delay])] : [] };
        if (metric.name !== COLLECTIONS) return metric;
        return { ...metric, values: collectionValues(this.#watch.collections) };
      });
  }
}

const delayValue = (ns: number): Value => ({ labels: {}, value: ns / NS_PER_SECOND });

const collectionValues = (collections: GarbageCollections): Value[] =>
  collections.read().flatMap(({ kind, count, seconds, buckets }) => [
    ...[...buckets, { leSeconds: '+Inf', count }].map(({ leSeconds, count }) => ({
      metricName: `${COLLECTIONS}_bucket`,
      labels: { le: leSeconds, kind },
      value: count,
    })),
    { metricName: `${COLLECTIONS}_sum`, labels: { kind }, value: seconds },
    { metricName: `${COLLECTIONS}_count`, labels: { kind }, value: count },
  ]);
