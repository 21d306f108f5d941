// A thread's metric series in shared memory: rows that say what they are (identity text) and what they count.
// Self-describing rows need no handshake with the primary, survive the thread that wrote them, and are found
// again by the thread that follows in the same slot, so totals never go down.
import type { Block } from './block.js';
import { cellOf } from './histogram.js';
import { HISTOGRAM_CELLS, SERIES_NAME_BYTES, SERIES_PER_WORKER, WIDE } from './layout.js';
import type { Counter, Gauge, Histogram, Labels, MetricKind, Recorder } from './recorder.js';
import { addWide, loadNumber, storeNumber } from './wide.js';

/** Rows kept for overflow series: one per metric that runs out, and for declarations made late. */
const RESERVED = 32;
/** Unit separator: cannot appear in a metric or label name, and is replaced in values. */
const SEPARATOR = '\x1f';
export const DECLARATION = 'declare';

/** `kind ␟ metric ␟ label ␟ value ␟ …`, labels in the order of their names. */
function identityOf(kind: string, metric: string, labels: Labels): string {
  const parts = [kind, metric];
  for (const name of Object.keys(labels).sort()) parts.push(name, labels[name]!.replaceAll(SEPARATOR, ' '));
  return parts.join(SEPARATOR);
}

export function parseIdentity(identity: string): { kind: string; metric: string; rest: readonly string[] } {
  const [kind = '', metric = '', ...rest] = identity.split(SEPARATOR);
  return { kind, metric, rest };
}

class Cells implements Counter, Histogram {
  readonly row: number;
  readonly #value: Int32Array;
  readonly #cells: Int32Array;

  constructor(row: number, value: Int32Array, cells: Int32Array) {
    this.row = row;
    this.#value = value;
    this.#cells = cells;
  }

  add(n = 1): void {
    addWide(this.#value, 0, n);
  }

  record(microseconds: number): void {
    const us = microseconds < 0 ? 0 : microseconds;
    addWide(this.#cells, cellOf(us) * WIDE, 1);
    addWide(this.#value, 0, us);
  }
}

class GaugeCells implements Gauge {
  readonly #value: Int32Array;

  constructor(value: Int32Array) {
    this.#value = value;
  }

  set(value: number): void {
    storeNumber(this.#value, 0, value);
  }

  add(n: number): void {
    storeNumber(this.#value, 0, loadNumber(this.#value, 0) + n);
  }
}

export class SeriesTable implements Recorder {
  readonly #block: Block;
  readonly #slot: number;
  readonly #rows = new Map<string, number>();
  readonly #count: Int32Array;
  readonly #overflow: Int32Array;

  /** @param slot the row of this thread: 0 primary, 1..workers */
  constructor(block: Block, slot: number) {
    this.#block = block;
    this.#slot = slot;
    this.#count = block.words('seriesCount', slot);
    this.#overflow = block.words('seriesOverflow', slot);
    clearGauges(block, slot);
    for (const { identity, row } of readIdentities(block, slot)) this.#rows.set(identity, row);
  }

  counter(metric: string, labels: Labels = {}): Counter {
    return this.#cells('counter', metric, labels);
  }

  histogram(metric: string, labels: Labels = {}): Histogram {
    return this.#cells('histogram', metric, labels);
  }

  gauge(metric: string, labels: Labels = {}): Gauge {
    return new GaugeCells(this.#block.words('seriesValue', this.#rowOf('gauge', metric, labels)));
  }

  declare(metric: string, kind: MetricKind, help: string): void {
    this.#rowOf(DECLARATION, metric, { kind, help });
  }

  #cells(kind: MetricKind, metric: string, labels: Labels): Cells {
    const row = this.#rowOf(kind, metric, labels);
    return new Cells(row, this.#block.words('seriesValue', row), this.#block.words('seriesCells', row));
  }

  #rowOf(kind: string, metric: string, labels: Labels): number {
    const identity = identityOf(kind, metric, labels);
    const known = this.#rows.get(identity);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(identity);
    // A declaration has no row without labels to fall back to: that would declare something else.
    const isOverflow = Object.keys(labels).length === 0 || kind === DECLARATION;
    const limit = SERIES_PER_WORKER - (isOverflow ? 1 : RESERVED);
    // Overwritten, it may be negative: then the rows count as used up.
    const used = this.#count[0]! >>> 0;
    if (used >= limit || bytes.length > SERIES_NAME_BYTES) {
      Atomics.add(this.#overflow, 0, 1);
      // The very last row of a slot swallows what not even the reserved rows could hold.
      const row = isOverflow ? this.#lastRow() : this.#rowOf(kind, metric, {});
      this.#rows.set(identity, row);
      return row;
    }
    const row = this.#slot * SERIES_PER_WORKER + used;
    this.#block.bytes('seriesName', row).set(bytes);
    Atomics.store(this.#block.words('seriesNameLength', row), 0, bytes.length);
    Atomics.store(this.#count, 0, used + 1);
    this.#rows.set(identity, row);
    return row;
  }

  #lastRow(): number {
    return (this.#slot + 1) * SERIES_PER_WORKER - 1;
  }
}

/** Gauges tell what is now: what a thread that has ended left is not. Histograms and counters go on. */
export function clearGauges(block: Block, slot: number): void {
  for (const { identity, row } of readIdentities(block, slot)) {
    if (identity.startsWith(`gauge${SEPARATOR}`)) storeNumber(block.words('seriesValue', row), 0, 0);
  }
}

/** Identity texts of one thread's rows, oldest first. Any thread may read. */
export function* readIdentities(block: Block, slot: number): Generator<{ identity: string; row: number }> {
  const decoder = new TextDecoder();
  // The row belongs to its thread, which may have written anything: a reader stays inside the table.
  const used = Math.min(Atomics.load(block.words('seriesCount', slot), 0), SERIES_PER_WORKER);
  for (let index = 0; index < used; index++) {
    const row = slot * SERIES_PER_WORKER + index;
    const length = Atomics.load(block.words('seriesNameLength', row), 0);
    // A decoder refuses shared memory: copy first.
    yield { identity: decoder.decode(block.bytes('seriesName', row).slice(0, length)), row };
  }
}

export function cellsOf(block: Block, row: number): Int32Array {
  return block.words('seriesCells', row).subarray(0, HISTOGRAM_CELLS * WIDE);
}

/** Labels of one row, whoever's it is; empty when the row is not in use, or when there is no such row. */
export function labelsOfRow(block: Block, row: number): Labels {
  if (row < 0 || row >= (block.workers + 1) * SERIES_PER_WORKER) return {};
  const length = Atomics.load(block.words('seriesNameLength', row), 0);
  return labelsOf(
    parseIdentity(new TextDecoder().decode(block.bytes('seriesName', row).slice(0, length))).rest,
  );
}

/** From the flat list that an identity ends with. */
export function labelsOf(rest: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let index = 0; index + 1 < rest.length; index += 2) labels[rest[index]!] = rest[index + 1]!;
  return labels;
}
