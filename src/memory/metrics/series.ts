// The metric series of one thread in shared memory. A row has an identity (a text) and the counts. Rows
// describe themselves, so the primary reads them without being told about them. They survive the thread that
// wrote them, and the next thread in the same slot finds them again, so totals never go down.
//
// Their number is bounded so that no metric can take the memory of another: each metric has at most
// SERIES_PER_METRIC series, and further ones count in the row of the metric that has no labels. Series of
// routes and calls are bounded route by route and service by service (worker/request-meters.ts,
// worker/call-durations.ts).

import { MAX_ENDPOINTS, WIDE } from '../layout.js';
import type {
  Counter,
  Distribution,
  Gauge,
  Labels,
  MetricKind,
  Recorder,
  TracedHistogram,
  Transient,
} from './recorder.js';
import { BucketCells, CountCells, GaugeCells } from './series-cells.js';
import {
  boundsText,
  DECLARATION,
  EXEMPLARS,
  hasCells,
  identityOf,
  kindWithBounds,
  lastValueOf,
  withLabel,
} from './series-identity.js';
import { PART_BYTES, SERIES_BYTES, type SeriesPart, type SlotSeries } from './series-memory.js';
import { begins, CELL_WORDS, ROW_BYTES, rowsOf, valueWords } from './series-rows.js';
import { type Renamable, SeriesStore } from './series-store.js';
import { storeNumber } from './wide.js';

/** Series of one metric of one thread. */
export const SERIES_PER_METRIC = 512;
/**
 * Above this number of rows, the rows of instances that are gone are used again. Below it their counts are
 * kept, because the memory does not matter yet.
 */
export const TRANSIENT_KEPT = 32;
/**
 * Instances of all services with rows of their own: as many as there may be, and some that are gone. With
 * fewer rows each thread would have those of other instances, so no count of an instance would be whole.
 */
export const TRANSIENTS = MAX_ENDPOINTS + 4_096;
/** Rows that are looked at for a free one while new ones may be made: thousands would take too long. */
const LOOKS = 64;
/** Bytes kept for the rows without labels, one per metric, when all other memory of a part is used up. */
const RESERVED = 1 << 20;
/** Rows of exemplars are made only within this share of a part, so they take no room from counts. */
const SHARE_WITH_EXEMPLARS = 0.5;
/** The metric that counts, by metric, the look-ups of series that found no row of their own. */
export const OVERFLOW = 'multilane_series_overflow_total';

interface Pool {
  /** Series of a metric. */
  readonly series: number;
  readonly part: SeriesPart;
  /** New rows of the pool are made only while the rows of its part have no more bytes than this. */
  readonly most: number;
}

const RUNTIME = { part: 'runtime' } as const;

/**
 * The pools of rows, by what counts in them. Services have a part of their own; each of the other pools can
 * use the memory that the pools above it have left. Routes and calls have no bound here, because the number
 * of their series is bounded where they are counted.
 */
const POOLS = {
  services: { part: 'services', series: SERIES_PER_METRIC, most: PART_BYTES.services - RESERVED },
  calls: { ...RUNTIME, series: Number.POSITIVE_INFINITY, most: 0.625 * PART_BYTES.runtime },
  runtime: { ...RUNTIME, series: SERIES_PER_METRIC, most: 0.75 * PART_BYTES.runtime },
  routes: { ...RUNTIME, series: Number.POSITIVE_INFINITY, most: 0.875 * PART_BYTES.runtime },
  failures: { ...RUNTIME, series: Number.POSITIVE_INFINITY, most: PART_BYTES.runtime - RESERVED },
} as const satisfies Readonly<Record<string, Pool>>;

export class SeriesTable implements Recorder {
  readonly #store: SeriesStore;
  readonly #pool: Pool;
  /** Where the next look at the rows of a group begins that can be renamed. */
  readonly #nextLooks = new Map<string, number>();

  /** @param memory of this thread's slot, or the store that another table of this thread has made for it */
  constructor(memory: SlotSeries | SeriesStore, pool: keyof typeof POOLS = 'runtime') {
    this.#pool = POOLS[pool];
    if (memory instanceof SeriesStore) this.#store = memory;
    else {
      clearGauges(memory);
      this.#store = new SeriesStore(memory);
    }
  }

  /** The same rows, under the bounds of a pool. */
  pool(pool: keyof typeof POOLS): Recorder {
    return new SeriesTable(this.#store, pool);
  }

  /** The store, for route names, which have rows in the same memory. */
  get store(): SeriesStore {
    return this.#store;
  }

  counter(metric: string, labels: Labels = {}): Counter {
    return this.#cells(this.#rowOf('counter', metric, labels));
  }

  histogram(metric: string, labels: Labels = {}): TracedHistogram {
    const at = this.#rowOf('histogram', metric, labels);
    // A series that shares the row without labels has its exemplars there too.
    const isOwn = at === this.#store.find(identityOf('histogram', metric, labels));
    return this.#cells(at, () => this.#exemplarsOf(metric, isOwn ? labels : {}));
  }

  distribution(metric: string, labels: Labels, bounds: readonly number[]): Distribution {
    const at = this.#rowOf(kindWithBounds(bounds), metric, labels);
    if (at === undefined) return new BucketCells(nowhere(2 * WIDE), nowhere(CELL_WORDS), bounds);
    const { memory } = this.#store;
    const cells = new Int32Array(memory, at + ROW_BYTES, CELL_WORDS);
    return new BucketCells(valueWords(memory, at), cells, bounds);
  }

  gauge(metric: string, labels: Labels = {}): Gauge {
    const at = this.#rowOf('gauge', metric, labels);
    return new GaugeCells(at === undefined ? nowhere(2 * WIDE) : valueWords(this.#store.memory, at));
  }

  transient(metric: string, labels: Labels, { label, value, isGone }: Transient): Counter {
    const store = this.#store;
    const stays = identityOf('counter', metric, labels);
    const identity = withLabel(stays, label, value);
    const known = store.find(identity);
    if (known !== undefined) return this.#cells(known);
    const rows = store.renamable(stays);
    const isFull = store.countRenamable('counter', metric) >= TRANSIENTS;
    const length = Buffer.byteLength(identity);
    const isFree = (row: Renamable): boolean =>
      row.room >= length && (row.identity === undefined || isGone(lastValueOf(row.identity)));
    const looks = isFull ? rows.length : LOOKS;
    const free = isFull || rows.length >= TRANSIENT_KEPT ? this.#find(stays, rows, looks, isFree) : undefined;
    if (free !== undefined) {
      store.rename(free, identity);
      return this.#cells(free.at);
    }
    const { part, most } = this.#pool;
    const made = isFull ? undefined : store.make({ identity, stays, hasCells: false, part, most });
    if (made !== undefined) return this.#cells(made);
    this.#countOverflow(metric);
    return this.counter(metric, labels);
  }

  /** Looks at some rows of a group, and at the next ones the next time. */
  #find(
    group: string,
    rows: readonly Renamable[],
    looks: number,
    isFree: (row: Renamable) => boolean,
  ): Renamable | undefined {
    if (rows.length <= looks) return rows.find(isFree);
    const from = this.#nextLooks.get(group) ?? 0;
    this.#nextLooks.set(group, (from + looks) % rows.length);
    for (let at = from; at < from + looks; at++) {
      const row = rows[at % rows.length]!;
      if (isFree(row)) return row;
    }
    return undefined;
  }

  declare(metric: string, kind: MetricKind, help: string, bounds?: readonly number[]): void {
    const buckets = bounds === undefined ? {} : { buckets: boundsText(bounds) };
    const at = this.#rowOf(DECLARATION, metric, { kind, help, ...buckets });
    if (at === undefined) return;
    storeNumber(valueWords(this.#store.memory, at), 0, Number(process.hrtime.bigint()));
  }

  /** @param exemplars of a histogram */
  #cells(at: number | undefined, exemplars?: () => Int32Array | undefined): CountCells {
    if (at === undefined) return new CountCells(nowhere(2 * WIDE), nowhere(CELL_WORDS), none);
    const { memory } = this.#store;
    const cells = new Int32Array(memory, at + ROW_BYTES, exemplars === undefined ? 0 : CELL_WORDS);
    return new CountCells(valueWords(memory, at), cells, exemplars ?? none);
  }

  /** @returns undefined when there is no room for exemplars */
  #exemplarsOf(metric: string, labels: Labels): Int32Array | undefined {
    const identity = identityOf(EXEMPLARS, metric, labels);
    const { part } = this.#pool;
    const most = SHARE_WITH_EXEMPLARS * PART_BYTES[part];
    const at = this.#store.find(identity) ?? this.#store.make({ identity, hasCells: true, part, most });
    return at === undefined ? undefined : new Int32Array(this.#store.memory, at + ROW_BYTES, CELL_WORDS);
  }

  /**
   * The row of a series, or the overflow row of its metric. @returns undefined when the memory is used up or
   * was overwritten, so that not even the overflow row has room
   */
  #rowOf(kind: string, metric: string, labels: Labels): number | undefined {
    const identity = identityOf(kind, metric, labels);
    const known = this.#store.find(identity);
    if (known !== undefined) return known;
    // A declaration has no overflow row: without its labels it would declare something else.
    const isLast = kind === DECLARATION || Object.keys(labels).length === 0;
    if (isLast || this.#store.count(kind, metric) < this.#pool.series) {
      const { part } = this.#pool;
      const most = isLast ? SERIES_BYTES : this.#pool.most;
      const made = this.#store.make({ identity, hasCells: hasCells(kind), part, most });
      if (made !== undefined) return made;
    }
    if (isLast) return undefined;
    this.#countOverflow(metric);
    return this.#rowOf(kind, metric, {});
  }

  #countOverflow(metric: string): void {
    if (metric !== OVERFLOW) this.#cells(this.#rowOf('counter', OVERFLOW, { metric })).add();
  }
}

/** Words that no thread reads, for a series that has no row. */
const nowhere = (words: number): Int32Array => new Int32Array(words);

const none = (): undefined => undefined;

/** Removes gauges: they describe the present, and the thread has ended. Histograms and counters stay. */
export function clearGauges(memory: SlotSeries): void {
  for (const row of rowsOf(memory)) {
    if (begins(memory, row, 'gauge')) storeNumber(valueWords(memory, row.at), 0, 0);
  }
}
