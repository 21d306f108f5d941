// Follows the metrics of all threads: what has been counted since the last reading. The name
// of a row is read once, when the row is new; from then on a reading costs only its numbers. There may be
// hundreds of thousands of rows, so each takes little memory: threads that count in the same series share
// what follows it, and the numbers that were read last are in arrays for many rows. The primary uses it while
// a client looks at rates.
import { HISTOGRAM_CELLS, WIDE } from '../layout.js';
import type { Labels } from './recorder.js';
import { labelsOf, parseIdentity } from './series-identity.js';
import { SERIES_HEADER, type SeriesMemory, type SlotSeries } from './series-memory.js';
import { CELLS, LONGEST, namingOf, ROW_BYTES, type Row, rowsOf, VALUE } from './series-rows.js';
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

/** A row, with the numbers that were read last. */
interface FollowedRow {
  /** The index of its first word. */
  readonly at: number;
  readonly follower: SeriesFollower;
  value: number;
  longest: number;
  /** undefined: the row is no histogram. */
  readonly seen: SeenCells | undefined;
  /** The index of its first cell in `seen`. */
  readonly from: number;
  readonly isGauge: boolean;
}

/**
 * The cells of several histograms as they were read last. The low words are enough: they are compared modulo
 * 2^32.
 */
type SeenCells = Uint32Array;
const HISTOGRAMS_PER_ARRAY = 64;

interface FollowedSlot {
  readonly memory: SlotSeries;
  /** Its words, as far as they are known. */
  words: Int32Array;
  readonly rows: FollowedRow[];
  /** The end of the last row that is known, in bytes. */
  end: number;
}

/** Rows after which other work may be done. */
const ROWS_PER_LOOK = 32;
const GAUGE = 'gauge';

export interface SeriesWatchOptions {
  readonly memory: Pick<SeriesMemory, 'all'>;
  readonly follow: FollowSeries;
  /** Called after each few rows: it gives way to other work when it returns a promise. */
  readonly rest: () => Promise<unknown> | undefined;
}

export class SeriesWatch {
  readonly #options: SeriesWatchOptions;
  readonly #slots = new Map<SlotSeries, FollowedSlot>();
  /** By the identity of the series. */
  readonly #followers = new Map<string, SeriesFollower>();
  #seen: SeenCells = new Uint32Array(0);
  /** Where there is room for the next histogram in `#seen`. */
  #room = 0;
  #read = 0;

  constructor(options: SeriesWatchOptions) {
    this.#options = options;
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
    const { memory: all, rest } = this.#options;
    for (const memory of all.all()) {
      const slot = this.#slotOf(memory);
      for (const row of slot.rows) {
        readRow(slot.words, row);
        if (++this.#read % ROWS_PER_LOOK === 0) await rest();
      }
      for (const row of rowsOf(memory, slot.end)) {
        slot.end = row.end;
        this.#add(slot, row);
        if (++this.#read % ROWS_PER_LOOK === 0) await rest();
      }
    }
  }

  #slotOf(memory: SlotSeries): FollowedSlot {
    let slot = this.#slots.get(memory);
    if (slot === undefined) {
      slot = { memory, words: new Int32Array(0), rows: [], end: SERIES_HEADER };
      this.#slots.set(memory, slot);
    }
    return slot;
  }

  #add(slot: FollowedSlot, row: Row): void {
    const { identity, stays } = namingOf(slot.memory, row);
    // A row that may be renamed counts for another series later.
    if (identity === undefined || stays !== identity) return;
    const follower = this.#followerOf(identity);
    if (follower === undefined) return;
    if (row.end > slot.words.byteLength)
      slot.words = new Int32Array(slot.memory, 0, slot.memory.byteLength >> 2);
    const seen = row.words[CELLS]! > 0 ? this.#arrayForCells() : undefined;
    const from = seen === undefined ? 0 : this.#room - HISTOGRAM_CELLS;
    const isGauge = parseIdentity(identity).kind === GAUGE;
    const followed = { at: row.at >> 2, follower, value: 0, longest: 0, seen, from, isGauge };
    slot.rows.push(followed);
    if (seen === undefined) readRow(slot.words, followed);
    else readWhole(slot.words, followed, seen);
  }

  #followerOf(identity: string): SeriesFollower | undefined {
    const known = this.#followers.get(identity);
    if (known !== undefined) return known;
    const { kind, metric, rest } = parseIdentity(identity);
    if (kind !== 'counter' && kind !== 'histogram' && kind !== GAUGE) return undefined;
    const follower = this.#options.follow(metric, labelsOf(rest));
    if (follower !== undefined) this.#followers.set(identity, follower);
    return follower;
  }

  /** The array whose last cells before `#room` are those of one more histogram. */
  #arrayForCells(): SeenCells {
    if (this.#room === this.#seen.length) {
      this.#seen = new Uint32Array(HISTOGRAMS_PER_ARRAY * HISTOGRAM_CELLS);
      this.#room = 0;
    }
    this.#room += HISTOGRAM_CELLS;
    return this.#seen;
  }
}

const firstCell = ({ at }: FollowedRow): number => at + ROW_BYTES / 4;

/** The first reading of a histogram, whose counts may need both words. */
function readWhole(words: Int32Array, row: FollowedRow, seen: SeenCells): void {
  row.value = readWide(words, row.at + VALUE);
  const first = firstCell(row);
  for (let cell = 0; cell < HISTOGRAM_CELLS; cell++) {
    const count = readWide(words, first + cell * WIDE);
    seen[row.from + cell] = count;
    if (count > 0) row.follower.recorded?.(cell, count);
  }
  reach(words, row);
}

function readRow(words: Int32Array, row: FollowedRow): void {
  if (row.isGauge) {
    readGauge(words, row);
    return;
  }
  const { seen, from, follower } = row;
  const value = readWide(words, row.at + VALUE);
  if (seen === undefined) {
    // Memory that a thread has overwritten may show less than before.
    if (value > row.value) follower.added?.(value - row.value);
    row.value = value;
    return;
  }
  const first = firstCell(row);
  // A duration that adds nothing to the sum is in the first cell.
  if (value === row.value && words[first]! >>> 0 === seen[from]) return;
  row.value = value;
  for (let cell = 0; cell < HISTOGRAM_CELLS; cell++) {
    const count = words[first + cell * WIDE]! >>> 0;
    const grown = (count - seen[from + cell]!) >>> 0;
    if (grown === 0) continue;
    seen[from + cell] = count;
    follower.recorded?.(cell, grown);
  }
  reach(words, row);
}

/** Memory that a thread has overwritten may hold what is no finite number. */
function readGauge(words: Int32Array, row: FollowedRow): void {
  const value = loadNumber(words, row.at + VALUE);
  if (value === row.value || !Number.isFinite(value)) return;
  row.follower.changed?.(value - row.value);
  row.value = value;
}

function reach(words: Int32Array, row: FollowedRow): void {
  const longest = readWide(words, row.at + LONGEST);
  if (longest <= row.longest) return;
  row.longest = longest;
  row.follower.reached?.(longest);
}
