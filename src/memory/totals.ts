// Reads every thread's series and merges those of the same identity. Wakes nobody.
import type { Block } from './block.js';
import { HISTOGRAM_CELLS, WIDE } from './layout.js';
import type { Declaration, MetricKind, SeriesTotal } from './recorder.js';
import { cellsOf, DECLARATION, labelsOf, parseIdentity, readIdentities } from './series.js';
import { loadNumber, readWide } from './wide.js';

export interface Totals {
  readonly series: readonly SeriesTotal[];
  readonly declarations: readonly Declaration[];
  /** Series that found no row of their own, over all threads. */
  readonly overflow: number;
}

interface Merged {
  metric: string;
  kind: MetricKind;
  labels: Record<string, string>;
  value: number;
  cells: number[] | undefined;
}

/** @see readTotalsInTurns for a thread that has more to do */
export function readTotals(block: Block): Totals {
  const reading = new Reading(block);
  for (let slot = 0; slot <= block.workers; slot++) reading.add(slot);
  return reading.totals;
}

/**
 * The same, thread by thread: up to 512 rows are read in one go, which takes milliseconds.
 * @param pause awaited between two threads
 */
export async function readTotalsInTurns(block: Block, pause: () => Promise<unknown>): Promise<Totals> {
  const reading = new Reading(block);
  for (let slot = 0; slot <= block.workers; slot++) {
    reading.add(slot);
    await pause();
  }
  return reading.totals;
}

class Reading {
  readonly #block: Block;
  readonly #merged = new Map<string, Merged>();
  readonly #declarations = new Map<string, Declaration>();
  #overflow = 0;

  constructor(block: Block) {
    this.#block = block;
  }

  get totals(): Totals {
    return {
      series: [...this.#merged.values()],
      declarations: [...this.#declarations.values()],
      overflow: this.#overflow,
    };
  }

  add(slot: number): void {
    const block = this.#block;
    this.#overflow += Atomics.load(block.words('seriesOverflow', slot), 0);
    for (const { identity, row } of readIdentities(block, slot)) {
      const { kind, metric, rest } = parseIdentity(identity);
      if (kind === DECLARATION) {
        const { kind: declared = 'counter', help = '' } = labelsOf(rest);
        this.#declarations.set(metric, { metric, kind: declared as MetricKind, help });
      } else addRow(this.#merged, identity, kind as MetricKind, metric, rest, block, row);
    }
  }
}

function addRow(
  merged: Map<string, Merged>,
  identity: string,
  kind: MetricKind,
  metric: string,
  rest: readonly string[],
  block: Block,
  row: number,
): void {
  let total = merged.get(identity);
  if (total === undefined) {
    const cells = kind === 'histogram' ? new Array<number>(HISTOGRAM_CELLS).fill(0) : undefined;
    total = { metric, kind, labels: labelsOf(rest), value: 0, cells };
    merged.set(identity, total);
  }
  const value = block.words('seriesValue', row);
  total.value += kind === 'gauge' ? loadNumber(value, 0) : readWide(value, 0);
  if (total.cells === undefined) return;
  const cells = cellsOf(block, row);
  for (let cell = 0; cell < HISTOGRAM_CELLS; cell++) {
    total.cells[cell] = total.cells[cell]! + readWide(cells, cell * WIDE);
  }
}
