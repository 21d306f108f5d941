// Reads the metric series of all threads and merges those with the same identity. The primary does so for
// each scrape; no other thread is woken.
import { HISTOGRAM_CELLS, WIDE } from '../layout.js';
import { laterExemplar, readExemplars } from './exemplars.js';
import type { Declaration, Exemplar, MetricKind, SeriesTotal } from './recorder.js';
import { OVERFLOW } from './series.js';
import {
  boundsFrom,
  boundsOfKind,
  DECLARATION,
  EXEMPLARS,
  labelsOf,
  parseIdentity,
  ROUTE,
} from './series-identity.js';
import type { SeriesMemory, SlotSeries } from './series-memory.js';
import { cellsOf, LONGEST, namingOf, type Row, rowsOf, valueWords } from './series-rows.js';
import { finite, loadNumber, readWide } from './wide.js';

export interface Totals {
  readonly series: readonly SeriesTotal[];
  /** The same series, by the identity of their rows. */
  readonly byIdentity: ReadonlyMap<string, SeriesTotal>;
  readonly declarations: readonly Declaration[];
  /** Look-ups of series that found no row of their own, over all threads. */
  readonly overflow: number;
}

interface Merged {
  metric: string;
  kind: MetricKind;
  labels: Record<string, string>;
  value: number;
  cells: number[] | undefined;
  readonly bounds?: readonly number[];
  longest?: number;
  exemplars?: readonly (Exemplar | undefined)[];
}

/** An exemplar that is dated later than this from now was written while the clock was ahead. */
const CLOCK_STEP_MS = 1_000;

/** Rows, or renamed counts, that are read between two pauses: about a tenth of a millisecond of work. */
export const ROWS_PER_PAUSE = 16;

type ReadableSeries = Pick<SeriesMemory, 'all' | 'renamed'>;

/** Adds up the rows of all threads at once. A thread that has other work to do uses `readTotalsInTurns`. */
export function readTotals(memory: ReadableSeries): Totals {
  const reading = new Reading(memory);
  for (const _ of reading.steps());
  return reading.totals();
}

/**
 * Like `readTotals`, with pauses for other work.
 * @param pause is awaited after every 16 rows; it may return at once when there is no other work
 */
export async function readTotalsInTurns(
  memory: ReadableSeries,
  pause: () => Promise<unknown> | undefined,
): Promise<Totals> {
  const reading = new Reading(memory);
  let read = 0;
  for (const _ of reading.steps()) if (++read % ROWS_PER_PAUSE === 0) await pause();
  return reading.totals();
}

class Reading {
  readonly #memory: ReadableSeries;
  readonly #merged = new Map<string, Merged>();
  readonly #declarations = new Map<string, Declaration>();

  constructor(memory: ReadableSeries) {
    this.#memory = memory;
  }

  /** Reads all rows, and then what was counted in those that are renamed: a little with each step. */
  *steps(): Generator<void> {
    for (const rows of this.#memory.all()) {
      for (const row of rowsOf(rows)) {
        this.#add(rows, row);
        yield;
      }
    }
    const { identities, counts } = this.#memory.renamed.counts();
    for (const [at, identity] of identities.entries()) {
      this.#count(identity, counts[at]!);
      yield;
    }
  }

  totals(): Totals {
    const series = [...this.#merged.values()];
    let overflow = 0;
    for (const { metric, value } of series) if (metric === OVERFLOW) overflow += value;
    return {
      series,
      byIdentity: this.#merged,
      declarations: [...this.#declarations.values()],
      overflow,
    };
  }

  #add(memory: SlotSeries, row: Row): void {
    const naming = namingOf(memory, row);
    const { stays, identity, value: counted } = naming;
    const { kind, metric, rest } = parseIdentity(stays);
    if (kind === ROUTE) return;
    if (kind === EXEMPLARS) {
      this.#addExemplars(stays, readExemplars(cellsOf(memory, row), Date.now() + CLOCK_STEP_MS));
      return;
    }
    if (kind === DECLARATION) {
      const { kind: declared = 'counter', help = '', buckets } = labelsOf(rest);
      const bounds = buckets === undefined ? undefined : boundsFrom(buckets);
      const at = loadNumber(valueWords(memory, row.at), 0);
      if (at < (this.#declarations.get(metric)?.at ?? 0)) return;
      this.#declarations.set(metric, {
        ...{ metric, kind: declared as MetricKind, help, at },
        ...(bounds !== undefined && { bounds }),
      });
      return;
    }
    // Only counters are renamed.
    if (kind === 'counter' && identity !== stays) {
      this.#memory.renamed.read(memory, row.at, naming);
      return;
    }
    const bounds = boundsOfKind(kind);
    const isNumber = kind === 'gauge' || bounds !== undefined;
    const value = isNumber ? loadNumber(valueWords(memory, row.at), 0) : counted;
    if (identity === undefined) return;
    const total = this.#count(identity, value);
    if (total.cells === undefined) return;
    const cells = cellsOf(memory, row);
    for (let at = 0; at < cells.length; at += WIDE) {
      const cell = at / WIDE;
      total.cells[cell] = total.cells[cell]! + readWide(cells, at);
    }
    if (bounds === undefined) total.longest = Math.max(total.longest ?? 0, readWide(row.words, LONGEST));
  }

  #addExemplars(identity: string, read: readonly (Exemplar | undefined)[]): void {
    // A thread makes the row of a histogram before that of its exemplars, so it was read before.
    const total = this.#merged.get(`histogram${identity.slice(EXEMPLARS.length)}`);
    if (total === undefined) return;
    total.exemplars = total.exemplars?.map((one, bucket) => laterExemplar(one, read[bucket])) ?? read;
  }

  #count(identity: string, value: number): Merged {
    const total = this.#total(identity);
    total.value = finite(total.value + value);
    return total;
  }

  #total(identity: string): Merged {
    let total = this.#merged.get(identity);
    if (total === undefined) {
      const { kind, metric, rest } = parseIdentity(identity);
      const bounds = boundsOfKind(kind);
      const isHistogram = kind === 'histogram' || bounds !== undefined;
      total = {
        metric,
        kind: isHistogram ? 'histogram' : (kind as MetricKind),
        labels: labelsOf(rest),
        value: 0,
        cells: isHistogram ? new Array<number>(HISTOGRAM_CELLS).fill(0) : undefined,
        ...(bounds !== undefined && { bounds }),
      };
      this.#merged.set(identity, total);
    }
    return total;
  }
}
