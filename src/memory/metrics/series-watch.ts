// Follows the metrics of all threads: what has been counted since the last reading. The name
// of a row is read once, when the row is new; from then on a reading costs only its numbers. The primary
// uses it while a client looks at rates.
import { WIDE } from '../layout.js';
import type { Labels } from './recorder.js';
import { labelsOf, parseIdentity } from './series-identity.js';
import { SERIES_HEADER, type SeriesMemory, type SlotSeries } from './series-memory.js';
import { cellsOf, LONGEST, namingOf, type Row, rowsOf, VALUE, valueWords } from './series-rows.js';
import { loadNumber, readWide } from './wide.js';

/** Takes what was counted in one series since the last reading. Several threads may count in one series. */
export interface SeriesFollower {
  /** A counter has grown. */
  added?(n: number): void;
  /** A gauge has changed, by a number that may be negative; that of a thread that has ended falls to 0. */
  changed?(by: number): void;
  /** Durations were recorded in a cell of a histogram. */
  recorded?(cell: number, n: number): void;
  /** @param microseconds the longest duration of a thread so far */
  reached?(microseconds: number): void;
}

/**
 * Called for each row that is new.
 * @returns what follows it; undefined: nothing does
 */
export type FollowSeries = (metric: string, labels: Labels) => SeriesFollower | undefined;

/** A row, with the numbers that were read last. The low words are enough: they are compared modulo 2^32. */
interface FollowedRow {
  /** Those of the row; of a gauge those of its value. */
  readonly words: Int32Array;
  readonly cells: Int32Array;
  readonly follower: SeriesFollower;
  value: number;
  longest: number;
  /** undefined: the row is no histogram. */
  readonly seen: Uint32Array | undefined;
  readonly isGauge: boolean;
}

interface FollowedSlot {
  readonly memory: SlotSeries;
  readonly rows: FollowedRow[];
  /** The end of the last row that is known, in bytes. */
  end: number;
}

/** Rows after which the time of a turn is looked at. */
const ROWS_PER_LOOK = 32;
const TURN_MS = 1;

export interface SeriesWatchOptions {
  readonly memory: Pick<SeriesMemory, 'all'>;
  readonly follow: FollowSeries;
  /** Waits for the next turn of the event loop. */
  readonly pause: () => Promise<unknown>;
  /** Milliseconds. @default performance.now() */
  readonly clock?: () => number;
}

export class SeriesWatch {
  readonly #options: SeriesWatchOptions;
  readonly #clock: () => number;
  readonly #slots = new Map<SlotSeries, FollowedSlot>();
  #turnBegan = 0;
  #read = 0;

  constructor(options: SeriesWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** Rows that are followed. */
  get rows(): number {
    let rows = 0;
    for (const slot of this.#slots.values()) rows += slot.rows.length;
    return rows;
  }

  /**
   * Passes on what was counted since the last reading; at the first reading of a row, all that it has. It
   * takes several turns of the event loop, so one reading must end before the next one begins.
   */
  async read(): Promise<void> {
    this.#turnBegan = this.#clock();
    for (const memory of this.#options.memory.all()) {
      const slot = this.#slotOf(memory);
      for (const row of slot.rows) {
        readRow(row);
        if (this.#isTurnOver()) await this.#nextTurn();
      }
      for (const row of rowsOf(memory, slot.end)) {
        slot.end = row.end;
        this.#add(slot, row);
        if (this.#isTurnOver()) await this.#nextTurn();
      }
    }
  }

  #slotOf(memory: SlotSeries): FollowedSlot {
    let slot = this.#slots.get(memory);
    if (slot === undefined) {
      slot = { memory, rows: [], end: SERIES_HEADER };
      this.#slots.set(memory, slot);
    }
    return slot;
  }

  #add(slot: FollowedSlot, row: Row): void {
    const { identity, stays } = namingOf(slot.memory, row);
    // A row that may be renamed counts for another series later.
    if (identity === undefined || stays !== identity) return;
    const { kind, metric, rest } = parseIdentity(identity);
    if (kind !== 'counter' && kind !== 'histogram' && kind !== 'gauge') return;
    const follower = this.#options.follow(metric, labelsOf(rest));
    if (follower === undefined) return;
    const cells = cellsOf(slot.memory, row);
    const seen = cells.length > 0 ? new Uint32Array(cells.length / WIDE) : undefined;
    const isGauge = kind === 'gauge';
    const words = isGauge ? valueWords(slot.memory, row.at) : row.words;
    const followed = { words, cells, follower, value: 0, longest: 0, seen, isGauge };
    slot.rows.push(followed);
    if (seen === undefined) readRow(followed);
    else readWhole(followed, seen);
  }

  #isTurnOver(): boolean {
    return ++this.#read % ROWS_PER_LOOK === 0 && this.#clock() - this.#turnBegan >= TURN_MS;
  }

  async #nextTurn(): Promise<void> {
    await this.#options.pause();
    this.#turnBegan = this.#clock();
  }
}

/** The first reading of a histogram, whose counts may need both words. */
function readWhole(row: FollowedRow, seen: Uint32Array): void {
  row.value = readWide(row.words, VALUE);
  for (let cell = 0; cell < seen.length; cell++) {
    const count = readWide(row.cells, cell * WIDE);
    seen[cell] = count;
    if (count > 0) row.follower.recorded?.(cell, count);
  }
  reach(row);
}

function readRow(row: FollowedRow): void {
  if (row.isGauge) {
    readGauge(row);
    return;
  }
  const { words, cells, seen, follower } = row;
  const value = readWide(words, VALUE);
  if (seen === undefined) {
    // Memory that a thread has overwritten may show less than before.
    if (value > row.value) follower.added?.(value - row.value);
    row.value = value;
    return;
  }
  // A duration that adds nothing to the sum is in the first cell.
  if (value === row.value && cells[0]! >>> 0 === seen[0]) return;
  row.value = value;
  for (let cell = 0; cell < seen.length; cell++) {
    const count = cells[cell * WIDE]! >>> 0;
    const grown = (count - seen[cell]!) >>> 0;
    if (grown === 0) continue;
    seen[cell] = count;
    follower.recorded?.(cell, grown);
  }
  reach(row);
}

/** Memory that a thread has overwritten may hold what is no finite number. */
function readGauge(row: FollowedRow): void {
  const value = loadNumber(row.words, 0);
  if (value === row.value || !Number.isFinite(value)) return;
  row.follower.changed?.(value - row.value);
  row.value = value;
}

function reach(row: FollowedRow): void {
  const longest = readWide(row.words, LONGEST);
  if (longest <= row.longest) return;
  row.longest = longest;
  row.follower.reached?.(longest);
}
