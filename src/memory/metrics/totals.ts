// Reads the metric series of all threads and merges those with the same identity. The primary does so for
// each scrape; no other thread is woken. The name of a row is read once, when the row is new; from then on a
// reading adds up numbers only. There may be hundreds of thousands of rows.
import { DistinctTexts } from './distinct-texts.js';
import { ExemplarReader, laterExemplar } from './exemplars.js';
import { KnownRows } from './known-rows.js';
import { type Reading, ReadSeries } from './read-series.js';
import type { Declaration, MetricKind, SeriesTotal } from './recorder.js';
import { OVERFLOW } from './series.js';
import {
  boundsFrom,
  DECLARATION,
  EXEMPLARS,
  type Identity,
  identityOf,
  labelsOf,
  parseIdentity,
  ROUTE,
} from './series-identity.js';
import type { SeriesMemory, SlotSeries } from './series-memory.js';
import { cellsOf, namingOf, type Row, rowsOf, valueWords } from './series-rows.js';
import { finite, loadNumber } from './wide.js';

export interface Totals {
  readonly series: readonly SeriesTotal[];
  readonly declarations: readonly Declaration[];
  /** Look-ups of series that found no row of their own, over all threads. */
  readonly overflow: number;
  /** The number of series that `isShown` has refused, by metric. */
  readonly merged: ReadonlyMap<string, number>;
}

export interface TotalsOptions {
  /**
   * Called once for a series with labels, when its first row is read, with the numbers of that row. When it
   * returns false, the series counts in that of its metric without labels, for ever.
   * @default all series are shown
   */
  readonly isShown?: (identity: string, metric: string, total: () => SeriesTotal) => boolean;
  /** Metrics to read. @default all */
  readonly metrics?: ReadonlySet<string>;
}

/** An exemplar that is dated later than this from now was written while the clock was ahead. */
const CLOCK_STEP_MS = 1_000;

/** New rows, or renamed counts, that are read between two pauses: about a tenth of a millisecond of work. */
export const ROWS_PER_PAUSE = 16;
/** The same of rows of series whose names are known. */
const KNOWN_PER_PAUSE = 64;

type ReadableSeries = Pick<SeriesMemory, 'all' | 'renamed'>;

/** Adds up the rows of all threads at once. A thread that has other work to do uses a `TotalsReader`. */
export function readTotals(memory: ReadableSeries): Totals {
  return new TotalsReader(memory).read();
}

export class TotalsReader {
  readonly #memory: ReadableSeries;
  readonly #isShown: NonNullable<TotalsOptions['isShown']>;
  readonly #metrics: ReadonlySet<string> | undefined;
  readonly #slots = new Map<SlotSeries, KnownRows>();
  /** The series that are shown, by the identity of their rows. */
  readonly #byIdentity = new Map<string, ReadSeries>();
  /** The identities of all others. */
  readonly #refused = new DistinctTexts();
  readonly #merged = new Map<string, number>();
  #reading: Reading = [];
  #declarations = new Map<string, Declaration>();

  constructor(memory: ReadableSeries, { isShown = () => true, metrics }: TotalsOptions = {}) {
    this.#memory = memory;
    this.#isShown = isShown;
    this.#metrics = metrics;
  }

  read(): Totals {
    for (const _ of this.#steps());
    return this.#totals();
  }

  /**
   * Like `read`, with pauses for other work. One reading must end before the next one begins.
   * @param pause is called after every 16 rows; it gives way to other work when it returns a promise
   */
  async readInTurns(pause: () => Promise<unknown> | undefined): Promise<Totals> {
    for (const _ of this.#steps()) {
      const pausing = pause();
      if (pausing !== undefined) await pausing;
    }
    return this.#totals();
  }

  /** Reads all rows, and then what was counted in those that are renamed: a little with each step. */
  *#steps(): Generator<void> {
    this.#reading = [];
    this.#declarations = new Map();
    for (const memory of this.#memory.all()) {
      const known = this.#rowsOf(memory);
      yield* this.#readKnown(known);
      let read = 0;
      for (const row of rowsOf(memory, known.end)) {
        this.#add(known, row);
        if (++read % ROWS_PER_PAUSE === 0) yield;
      }
    }
    const { identities, counts } = this.#memory.renamed.counts();
    for (const [at, identity] of identities.entries()) {
      this.#count(identity, counts[at]!);
      if ((at + 1) % ROWS_PER_PAUSE === 0) yield;
    }
  }

  #totals(): Totals {
    const series = this.#reading;
    // Series without rows: their names were removed, or their rows were overwritten.
    if (series.length < this.#byIdentity.size) {
      for (const [identity, one] of this.#byIdentity) {
        if (!one.isOf(series)) this.#byIdentity.delete(identity);
      }
    }
    let overflow = 0;
    for (const { metric, value } of series) if (metric === OVERFLOW) overflow += value;
    return {
      series,
      declarations: [...this.#declarations.values()],
      overflow,
      merged: new Map(this.#merged),
    };
  }

  #rowsOf(memory: SlotSeries): KnownRows {
    let known = this.#slots.get(memory);
    if (known === undefined) {
      known = new KnownRows(memory);
      this.#slots.set(memory, known);
    }
    known.check();
    return known;
  }

  *#readKnown(known: KnownRows): Generator<void> {
    const { starts, series, views } = known;
    for (let from = 0; from < starts.length; from += KNOWN_PER_PAUSE) {
      const to = Math.min(from + KNOWN_PER_PAUSE, starts.length);
      for (let at = from; at < to; at++) series[at]!.add(this.#reading, views, starts[at]!);
      yield;
    }
    let read = 0;
    for (const one of known.renamable) {
      this.#memory.renamed.read(known.memory, one.row.at, known.namingOf(one));
      if (++read % ROWS_PER_PAUSE === 0) yield;
    }
    for (const { reader, histogram } of known.exemplars) {
      this.#addExemplars(reader, histogram);
      if (++read % ROWS_PER_PAUSE === 0) yield;
    }
    for (const { row, declaration } of known.declared) this.#declare(known.memory, row, declaration);
  }

  /** Adds a row that is new. */
  #add(known: KnownRows, row: Row): void {
    const { memory } = known;
    known.end = row.end;
    const naming = namingOf(memory, row);
    const { stays, identity } = naming;
    const parsed = parseIdentity(stays);
    const { kind, metric, rest } = parsed;
    if (kind === ROUTE || this.#metrics?.has(metric) === false) return;
    known.reach(row.end);
    if (kind === EXEMPLARS) {
      // Code of a service may have overwritten the row.
      if (cellsOf(memory, row).length === 0) return;
      const histogram = `histogram${stays.slice(EXEMPLARS.length)}`;
      const reader = new ExemplarReader(cellsOf(memory, row));
      known.exemplars.push({ reader, histogram });
      this.#addExemplars(reader, histogram);
    } else if (kind === DECLARATION) {
      const declaration = declarationOf(metric, rest);
      known.declared.push({ row, declaration });
      this.#declare(memory, row, declaration);
    } else if (kind === 'counter' && identity !== stays) {
      // Only counters are renamed.
      known.addRenamable(row, naming);
      this.#memory.renamed.read(memory, row.at, naming);
    } else if (identity !== undefined) {
      const at = row.at >> 2;
      const parts = identity === stays ? parsed : parseIdentity(identity);
      const series = this.#seriesOf(identity, parts, (one) => one.add([], known.views, at));
      known.starts.push(at);
      known.series.push(series);
      series.add(this.#reading, known.views, at);
    }
  }

  #addExemplars(reader: ExemplarReader, histogram: string): void {
    // A thread makes the row of a histogram before that of its exemplars, so it was read before.
    const series = this.#byIdentity.get(histogram);
    if (series === undefined || !series.isOf(this.#reading)) return;
    const read = reader.read(Date.now() + CLOCK_STEP_MS);
    const sum = series.of(this.#reading);
    sum.exemplars = sum.exemplars?.map((one, bucket) => laterExemplar(one, read[bucket])) ?? read;
  }

  #declare(memory: SlotSeries, row: Row, declaration: Declaration): void {
    const { metric } = declaration;
    const at = loadNumber(valueWords(memory, row.at), 0);
    if (at < (this.#declarations.get(metric)?.at ?? 0)) return;
    this.#declarations.set(metric, { ...declaration, at });
  }

  #count(identity: string, value: number): void {
    const series =
      this.#byIdentity.get(identity) ??
      this.#seriesOf(identity, parseIdentity(identity), (one) => ({ ...one.of([]), value }));
    const sum = series.of(this.#reading);
    sum.value = finite(sum.value + value);
  }

  /** @param first makes the total of a series as it is in its first row */
  #seriesOf(identity: string, parts: Identity, first: (series: ReadSeries) => SeriesTotal): ReadSeries {
    const known = this.#byIdentity.get(identity);
    if (known !== undefined) return known;
    const { kind, metric, rest } = parts;
    if (rest.length > 0 && !this.#isShown(identity, metric, () => first(new ReadSeries(parts)))) {
      if (this.#refused.add(identity)) this.#merged.set(metric, (this.#merged.get(metric) ?? 0) + 1);
      return this.#seriesOf(identityOf(kind, metric, {}), { kind, metric, rest: [] }, first);
    }
    const series = new ReadSeries(parts);
    this.#byIdentity.set(identity, series);
    return series;
  }
}

function declarationOf(metric: string, rest: readonly string[]): Declaration {
  const { kind = 'counter', help = '', buckets } = labelsOf(rest);
  const bounds = buckets === undefined ? undefined : boundsFrom(buckets);
  return { metric, kind: kind as MetricKind, help, at: 0, ...(bounds !== undefined && { bounds }) };
}
