// Gathers what is counted, wherever it is counted, into families: one per metric name, ready to be shown.
// Reading happens at the scrape, in the thread that asks, and wakes nobody.
import { setImmediate as turn } from 'node:timers/promises';
import type { Block } from '../memory/block.js';
import type { Declaration, Labels, MetricKind, SeriesTotal } from '../memory/metrics/recorder.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import { readTotalsInTurns } from '../memory/metrics/totals.js';
import { finite } from '../memory/metrics/wide.js';
import { readWorker } from '../memory/worker-row.js';
import { coalesced } from './coalesced.js';
import { isMetricName, namesOf } from './metric-names.js';
import { METRICS, type MetricMerge, type MetricName, metricEntry } from './metric-table.js';

export interface MetricReading {
  readonly series: Iterable<SeriesTotal>;
  /** Metrics that are not in the product's table. */
  readonly declarations?: Iterable<Declaration>;
}

/** Asked at every scrape. Waits for nothing but turns of the loop. */
export type MetricSource = () => MetricReading | Promise<MetricReading>;

export interface Family {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly series: readonly SeriesTotal[];
}

/** A value that is known now, for sources beside shared memory. */
export function currentValue(metric: MetricName, value: number, labels: Labels = {}): SeriesTotal {
  return { metric, kind: METRICS[metric].kind, labels, value, cells: undefined };
}

/** All threads' series, and what every worker says about itself. */
export function sharedMemorySource(block: Block, memory: SeriesMemory): MetricSource {
  return coalesced(async () => {
    const { series, declarations, overflow } = await readTotalsInTurns(memory, turn);
    const rows = [...series, currentValue('multilane_label_overflow_total', overflow)];
    let active = 0;
    const slots = Array.from({ length: block.workers }, (_, index) => readWorker(block, index + 1));
    // While a worker is being replaced it has two threads: the newer one speaks for it.
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

/** Series that are put into their families before the thread looks after its connections again. */
const SERIES_PER_TURN = 500;

interface Building {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly merge: MetricMerge;
  readonly series: Map<string, SeriesTotal>;
}

/**
 * Every family of the table, also without series, then those that services declared, each by name. Left out
 * is what would spoil the whole scrape: a series of a kind other than its family's, of an impossible name, or
 * whose lines another family has. Of two declarations that contradict each other, as those of workers before
 * and after a reload may, the latest holds.
 */
export async function gatherFamilies(sources: readonly MetricSource[]): Promise<Family[]> {
  const families = new Families();
  const readings = await Promise.all(sources.map(async (source) => source()));
  const declarations = readings.flatMap(({ declarations = [] }) => [...declarations]);
  for (const { metric, kind, help } of declarations.sort((a, b) => b.at - a.at)) {
    families.open(metric, kind, help);
  }
  let added = 0;
  for (const { series } of readings) {
    for (const total of series) {
      families.add(total);
      if (++added % SERIES_PER_TURN === 0) await turn();
    }
  }
  return families.list();
}

class Families {
  readonly #byName = new Map<string, Building>();
  readonly #taken = new Set<string>();

  constructor() {
    for (const [name, { kind, help, merge }] of Object.entries(METRICS)) {
      this.open(name, kind, help, merge);
    }
  }

  /** @returns undefined when there cannot be such a family */
  open(name: string, kind: MetricKind, help: string, merge: MetricMerge = 'sum'): Building | undefined {
    const names = namesOf(name, kind);
    if (!isMetricName(name, kind) || names.some((one) => this.#taken.has(one))) return undefined;
    for (const one of names) this.#taken.add(one);
    const family: Building = { name, kind, help, merge, series: new Map() };
    this.#byName.set(name, family);
    return family;
  }

  add(total: SeriesTotal): void {
    const { metric: name, kind } = total;
    const family = this.#byName.get(name) ?? this.open(name, kind, `${name} (not declared)`);
    if (family === undefined || family.kind !== kind || isUnused(total)) return;
    const labels = ordered(name, total.labels);
    const key = JSON.stringify(labels);
    const before = family.series.get(key);
    family.series.set(key, before === undefined ? { ...total, labels } : merge(before, total, family.merge));
  }

  list(): Family[] {
    return [...this.#byName.values()]
      .map(({ series, ...family }) => ({ ...family, series: withZero(family.name, [...series.values()]) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/**
 * A duration of ours that nothing has ever taken says nothing. What a service declares is 0 from the start.
 */
const isUnused = ({ metric, cells }: SeriesTotal): boolean =>
  cells !== undefined && metricEntry(metric) !== undefined && !cells.some((count) => count > 0);

/** Labels in the order of the table, then by name. One without a value is the same as none (Prometheus). */
function ordered(name: string, labels: Labels): Labels {
  const result: Record<string, string> = {};
  for (const label of metricEntry(name)?.labels ?? []) {
    if (labels[label]) result[label] = labels[label];
  }
  for (const label of Object.keys(labels).sort()) {
    // A label may be called as a member of Object is: `constructor`.
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

/** A counter or gauge without labels is 0 before it is first counted, not absent. */
function withZero(name: string, series: SeriesTotal[]): SeriesTotal[] {
  const entry = metricEntry(name);
  if (series.length > 0 || entry === undefined || entry.labels.length > 0) return series;
  return [{ metric: name, kind: entry.kind, labels: {}, value: 0, cells: undefined }];
}
