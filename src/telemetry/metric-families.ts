// Gathers all series into families, one per metric name, ready for the page. Shared memory is read at the
// scrape, in the thread that serves it; no other thread is woken.
import type { Block } from '../memory/block.js';
import type { Clock } from '../memory/clock.js';
import type { Declaration, Labels, MetricKind, SeriesTotal } from '../memory/metrics/recorder.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { TotalsReader } from '../memory/metrics/totals.js';
import { finite } from '../memory/metrics/wide.js';
import { readWorker } from '../memory/worker-row.js';
import { coalescedAfresh } from './coalesced.js';
import { isMetricName, namesOf } from './metric-names.js';
import { METRICS, type MetricMerge, type MetricName, metricEntry } from './metric-table.js';
import { Pace } from './pace.js';
import { rebucketed } from './rebucketed.js';
import { SeriesLimit } from './series-limit.js';

export interface MetricReading {
  /** They are read once, with pauses. A source of many series makes each one when it is read. */
  readonly series: Iterable<SeriesTotal>;
  /** Declarations of metrics that are not in METRICS: those of services. */
  readonly declarations?: Iterable<Declaration>;
}

/**
 * Returns the current values; called at every scrape. It may yield to the event loop, and waits for nothing
 * else.
 */
export type MetricSource = () => MetricReading | Promise<MetricReading>;

export interface Family {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** The upper bounds of the buckets of all series; absent for durations. */
  readonly bounds?: readonly number[];
  readonly series: readonly SeriesTotal[];
}

/** The current value of a metric, for sources other than shared memory. */
export function currentValue(metric: MetricName, value: number, labels: Labels = {}): SeriesTotal {
  return { metric, kind: METRICS[metric].kind, labels, value, cells: undefined };
}

/** The series of all threads in shared memory, and the rows in which workers publish their state. */
export function sharedMemorySource(block: Block, memory: SeriesMemory, clock?: Clock): MetricSource {
  const limit = new SeriesLimit();
  // The number of series of our own metrics is bounded where they are counted.
  const reader = new TotalsReader(memory, {
    isShown: (identity, metric, total) =>
      metricEntry(metric) !== undefined || limit.isShown(identity, metric, total),
  });
  return coalescedAfresh(async () => {
    const { series, declarations, overflow, merged } = await reader.readInTurns(new Pace().rest);
    const rows = [...series];
    rows.push(currentValue('multilane_label_overflow_total', overflow));
    for (const [metric, count] of merged) {
      rows.push(currentValue('multilane_series_merged', count, { metric }));
    }
    let active = 0;
    const now = clock?.();
    const slots = Array.from({ length: block.workers }, (_, index) => readWorker(block, index + 1, now));
    // While a worker is replaced there are two threads with its number; the newer one comes last and wins.
    for (const row of slots.sort((a, b) => a.generation - b.generation)) {
      active += row.inFlight;
      if (row.worker === 0) continue;
      const labels = { worker: String(row.worker) };
      rows.push(currentValue('multilane_worker_loop_utilization_ratio', row.loopUtilization, labels));
      rows.push(currentValue('multilane_worker_heap_bytes', row.heapUsedBytes, labels));
    }
    rows.push(currentValue('http_server_active_requests', active));
    return { series: rows, declarations };
  });
}

interface FamilyDraft {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly merge: MetricMerge;
  readonly bounds?: readonly number[];
  /** Whether it is in METRICS, and the order of its labels there. */
  readonly isOurs: boolean;
  readonly order: readonly string[];
  readonly series: Map<string, SeriesTotal>;
}

/**
 * Gathers every family of METRICS, with or without series, and those that services declared, sorted by name.
 * Series that would make the whole scrape invalid are omitted: those of another kind than their family, with
 * an invalid name, or with lines that another family has. When declarations contradict each other, as those
 * of workers before and after a reload may, the latest one holds.
 */
export async function gatherFamilies(sources: readonly MetricSource[]): Promise<Family[]> {
  const families = new Families();
  const readings = await Promise.all(sources.map(async (source) => source()));
  const declarations = readings.flatMap(({ declarations = [] }) => [...declarations]);
  for (const { metric, kind, help, bounds } of declarations.sort((a, b) => b.at - a.at)) {
    families.open(metric, kind, help, { bounds });
  }
  const pace = new Pace();
  for (const { series } of readings) {
    for (const total of series) {
      families.add(total);
      const resting = pace.rest();
      if (resting !== undefined) await resting;
    }
  }
  return families.list();
}

class Families {
  readonly #byName = new Map<string, FamilyDraft>();
  readonly #taken = new Set<string>();

  constructor() {
    for (const [name, { kind, help, merge }] of Object.entries(METRICS)) {
      this.open(name, kind, help, { merge });
    }
  }

  /** @returns undefined when the name is invalid or already used by another family */
  open(
    name: string,
    kind: MetricKind,
    help: string,
    { merge = 'sum', bounds }: { merge?: MetricMerge; bounds?: readonly number[] | undefined } = {},
  ): FamilyDraft | undefined {
    const names = namesOf(name, kind);
    if (!isMetricName(name, kind) || names.some((one) => this.#taken.has(one))) return undefined;
    for (const one of names) this.#taken.add(one);
    const series = new Map<string, SeriesTotal>();
    const entry = metricEntry(name);
    const family: FamilyDraft = {
      ...{ name, kind, help, merge, series, isOurs: entry !== undefined, order: entry?.labels ?? [] },
      ...(bounds !== undefined && { bounds }),
    };
    this.#byName.set(name, family);
    return family;
  }

  add(given: SeriesTotal): void {
    const { metric: name, kind, bounds } = given;
    const family = this.#byName.get(name) ?? this.open(name, kind, `${name} (not declared)`, { bounds });
    if (family === undefined || family.kind !== kind) return;
    if (family.isOurs && isUnused(given)) return;
    const total = rebucketed(given, family.bounds);
    const labels = ordered(family.order, total.labels);
    const key = JSON.stringify(labels);
    const before = family.series.get(key);
    family.series.set(key, before === undefined ? { ...total, labels } : merge(before, total, family.merge));
  }

  list(): Family[] {
    return [...this.#byName.values()]
      .map(({ name, kind, help, bounds, series }) => ({
        ...{ name, kind, help, series: withZero(name, [...series.values()]) },
        ...(bounds !== undefined && { bounds }),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/**
 * True for a histogram without a value. Those of the product are not shown; those that services declare are
 * shown from the start.
 */
const isUnused = ({ cells }: SeriesTotal): boolean =>
  cells !== undefined && !cells.some((count) => count > 0);

/** Labels in the order of METRICS, then by name. In Prometheus an empty label is the same as none. */
function ordered(order: readonly string[], labels: Labels): Labels {
  const result: Record<string, string> = {};
  for (const label of order) {
    if (labels[label]) result[label] = labels[label];
  }
  for (const label of Object.keys(labels).sort()) {
    // A label may have the name of a member of Object, such as `constructor`.
    if (labels[label] && !Object.hasOwn(result, label)) result[label] = labels[label];
  }
  return result;
}

function merge(before: SeriesTotal, next: SeriesTotal, rule: MetricMerge): SeriesTotal {
  if (rule === 'last') return { ...next, labels: before.labels };
  if (rule === 'max') return { ...before, value: Math.max(before.value, next.value) };
  const cells = before.cells?.map((count, cell) => count + (next.cells?.[cell] ?? 0));
  const longest = Math.max(before.longest ?? 0, next.longest ?? 0);
  return { ...before, value: finite(before.value + next.value), cells, longest };
}

/** Adds the value 0 for a metric without labels that was not counted yet. */
function withZero(name: string, series: SeriesTotal[]): SeriesTotal[] {
  const entry = metricEntry(name);
  if (series.length > 0 || entry === undefined || entry.labels.length > 0) return series;
  return [{ metric: name, kind: entry.kind, labels: {}, value: 0, cells: undefined }];
}
