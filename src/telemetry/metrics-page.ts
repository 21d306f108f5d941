// The page of `/metrics`, written by prom-client, which also reads the state of the process. It counts
// nothing, because its `observe` costs forty times as much as a cell in shared memory.
import { setImmediate as turn } from 'node:timers/promises';
import { Gauge, type MetricType, Registry } from 'prom-client';
import type { Exemplar, MetricKind, SeriesTotal } from '../memory/metrics/recorder.js';
import { bucketsOf } from './buckets.js';
import { CONTENT_TYPES, type ExpositionFormat } from './exposition-format.js';
import { type Family, gatherFamilies, type MetricSource } from './metric-families.js';
import { unitOf } from './metric-names.js';
import { ProcessMetrics } from './process-metrics.js';
import type { ProcessWatch } from './process-watch.js';

/** One line of the output. `sharedLabels` are labels that several samples have in common. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  readonly sharedLabels?: Readonly<Record<string, string>>;
  readonly value: number;
  /** prom-client writes it in OpenMetrics only. */
  readonly exemplar?: PageExemplar;
}

interface PageExemplar {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

interface Samples {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** The samples of one series per item, made when they are written. */
  readonly groups: Iterable<readonly Sample[]>;
}

/** Number of samples that are written before the thread yields to its event loop: about one millisecond. */
const SAMPLES_PER_TURN = 500;

export class MetricsPage {
  readonly #sources: readonly MetricSource[];
  readonly #process: ProcessMetrics;

  /**
   * Create only one per process.
   * @param skipped see `ProcessMetrics`
   */
  constructor(sources: readonly MetricSource[], watch: ProcessWatch, skipped: () => void) {
    this.#sources = sources;
    this.#process = new ProcessMetrics(watch, skipped);
  }

  async render(format: ExpositionFormat): Promise<string> {
    const families = [
      ...(await gatherFamilies(this.#sources)).map(samplesOf),
      ...(await this.#processSamples()),
    ];
    const parts: string[] = [];
    for (const family of families) {
      parts.push(await renderFamily(family, format));
      await turn();
    }
    return format === 'openmetrics' ? `${parts.join('\n')}\n# EOF\n` : `${parts.join('\n\n')}\n`;
  }

  async #processSamples(): Promise<Samples[]> {
    return (await this.#process.read()).map(({ name, help, type, values }) => ({
      name,
      // prom-client declares an enum that does not exist at run time: the value is the word itself.
      kind: type as unknown as MetricKind,
      help,
      groups: values.map((value) => [value as Sample]),
    }));
  }
}

function samplesOf({ name, kind, help, series }: Family): Samples {
  return { name, kind, help, groups: groupsOf(name, series) };
}

function* groupsOf(name: string, series: readonly SeriesTotal[]): Generator<Sample[]> {
  for (const total of series) {
    yield total.cells === undefined
      ? [{ labels: { ...total.labels }, value: total.value }]
      : histogramSamples(name, total, total.cells);
  }
}

function histogramSamples(name: string, total: SeriesTotal, cells: readonly number[]): Sample[] {
  const sharedLabels = { ...total.labels };
  const { bounds, counts, sum } = bucketsOf(total, cells);
  let count = 0;
  const samples = counts.map((inBucket, bucket) => {
    count += inBucket;
    return bucketSample(name, total, { le: bounds[bucket] ?? '+Inf', count, bucket });
  });
  return [
    ...samples,
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sum },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
  ];
}

function bucketSample(
  name: string,
  { labels, exemplars }: SeriesTotal,
  { le, count, bucket }: { readonly le: number | string; readonly count: number; readonly bucket: number },
): Sample {
  const sample = { metricName: `${name}_bucket`, labels: { le }, sharedLabels: { ...labels }, value: count };
  const exemplar = exemplars?.[bucket];
  return exemplar === undefined ? sample : { ...sample, exemplar: shownExemplar(exemplar) };
}

/** https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md#exemplars */
const shownExemplar = ({ traceId, spanId, microseconds, at }: Exemplar): PageExemplar => ({
  labelSet: { trace_id: traceId, span_id: spanId },
  value: microseconds / 1e6,
  timestamp: at / 1000,
});

/**
 * Name of every snapshot in its registry. The registry uses an object, where `constructor` would be a member.
 */
const REGISTERED = 'snapshot';

/** A metric for prom-client whose values were not counted by prom-client. */
class Snapshot extends Gauge {
  readonly #name: string;
  readonly #kind: MetricKind;
  readonly #samples: readonly Sample[];

  constructor(name: string, kind: MetricKind, help: string, samples: readonly Sample[]) {
    super({ name: REGISTERED, help, registers: [] });
    this.#name = name;
    this.#kind = kind;
    this.#samples = samples;
  }

  override async get(): ReturnType<Gauge['get']> {
    const type = this.#kind as unknown as MetricType;
    return { ...(await super.get()), name: this.#name, type, values: [...this.#samples] };
  }
}

async function renderFamily(family: Samples, format: ExpositionFormat): Promise<string> {
  const { kind, groups } = family;
  // In OpenMetrics the family of a counter has no `_total`, but its samples have. Double quotes in help would
  // have to be escaped.
  const open = format === 'openmetrics';
  const name = open && kind === 'counter' ? family.name.replace(/_total$/, '') : family.name;
  const help = open ? family.help.replaceAll('"', "'") : family.help;
  const unit = open ? unitOf(name) : undefined;
  const unitLines = unit === undefined ? [] : [`# UNIT ${name} ${unit}`];
  const texts: string[] = [];
  let chunk: Sample[] = [];
  const flush = async (): Promise<void> => {
    const registry = new Registry<(typeof CONTENT_TYPES)[ExpositionFormat]>();
    registry.setContentType(CONTENT_TYPES[format]);
    registry.registerMetric(new Snapshot(name, kind, help, chunk));
    const text = await registry.getSingleMetricAsString(REGISTERED);
    const [helpLine = '', typeLine = '', ...samples] = text.split('\n');
    // HELP, TYPE and UNIT are written once, before the first chunk.
    if (texts.length === 0) texts.push(helpLine, typeLine, ...unitLines);
    texts.push(...samples);
    chunk = [];
  };
  for (const group of groups) {
    chunk.push(...(open ? group.map(canonicalBound) : group));
    if (chunk.length < SAMPLES_PER_TURN) continue;
    await flush();
    await turn();
  }
  if (chunk.length > 0 || texts.length === 0) await flush();
  return texts.join('\n');
}

/** OpenMetrics writes `le` as a float: `1.0`, where the older format has `1`. */
function canonicalBound(sample: Sample): Sample {
  const { le } = sample.labels;
  if (typeof le !== 'number' || !Number.isInteger(le)) return sample;
  return { ...sample, labels: { ...sample.labels, le: le.toFixed(1) } };
}
