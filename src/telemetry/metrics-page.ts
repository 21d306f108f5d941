// The page of `/metrics`, written by prom-client, which also reads the state of the process. It counts
// nothing, because its `observe` costs forty times as much as a cell in shared memory.
import { setImmediate as turn } from 'node:timers/promises';
import { Gauge, type MetricType, Registry } from 'prom-client';
import { HISTOGRAM_EDGES_US, LE_BOUNDS_US } from '../memory/metrics/histogram.js';
import type { MetricKind, SeriesTotal } from '../memory/metrics/recorder.js';
import { CONTENT_TYPES, type ExpositionFormat } from './exposition-format.js';
import { type Family, gatherFamilies, type MetricSource } from './metric-families.js';
import { ProcessMetrics } from './process-metrics.js';
import type { ProcessWatch } from './process-watch.js';

/** One line of the output. `sharedLabels` are labels that several samples have in common. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Record<string, string | number>;
  readonly sharedLabels?: Readonly<Record<string, string>>;
  readonly value: number;
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

/** Number of cells that lie at or below each `le` bound: the cells have an edge at every bound. */
const CELLS_BELOW = LE_BOUNDS_US.map((bound) => HISTOGRAM_EDGES_US.indexOf(bound) + 1);

function histogramSamples(name: string, total: SeriesTotal, cells: readonly number[]): Sample[] {
  const sharedLabels = { ...total.labels };
  const samples: Sample[] = [];
  let count = 0;
  let cell = 0;
  for (const [index, bound] of LE_BOUNDS_US.entries()) {
    for (; cell < CELLS_BELOW[index]!; cell++) count += cells[cell]!;
    samples.push({ metricName: `${name}_bucket`, labels: { le: bound / 1e6 }, sharedLabels, value: count });
  }
  for (; cell < cells.length; cell++) count += cells[cell]!;
  return [
    ...samples,
    { metricName: `${name}_bucket`, labels: { le: '+Inf' }, sharedLabels, value: count },
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: total.value / 1e6 },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
  ];
}

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
  const texts: string[] = [];
  let chunk: Sample[] = [];
  const flush = async (): Promise<void> => {
    const registry = new Registry<(typeof CONTENT_TYPES)[ExpositionFormat]>();
    registry.setContentType(CONTENT_TYPES[format]);
    registry.registerMetric(new Snapshot(name, kind, help, chunk));
    const text = await registry.getSingleMetricAsString(REGISTERED);
    // HELP and TYPE are written once, before the first chunk.
    texts.push(texts.length === 0 ? text : text.split('\n').slice(2).join('\n'));
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
