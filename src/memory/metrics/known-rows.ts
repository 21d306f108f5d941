// The rows of one slot that totals.ts has read before, and what it remembers of them: in which series each
// counts, so that no name is read again. There may be ten thousand rows, so a row takes two numbers.
import type { ExemplarReader } from './exemplars.js';
import type { ReadSeries, Views } from './read-series.js';
import type { Declaration } from './recorder.js';
import type { Naming } from './series-identity.js';
import { OWNERS, SERIES_HEADER, type SlotSeries } from './series-memory.js';
import { BEFORE, NAME, namingOf, type Row, VALUE, VERSION } from './series-rows.js';
import { readWide } from './wide.js';

/** A row that may be renamed, with the name that was read last. */
interface RenamableRow {
  readonly row: Row;
  naming: Naming;
  /** The version of the name; undefined when it changed while it was read. */
  version: number | undefined;
}

export class KnownRows {
  readonly memory: SlotSeries;
  /** The first word of each row of a series, and that series, in the same order. */
  readonly starts: number[] = [];
  readonly series: ReadSeries[] = [];
  readonly renamable: RenamableRow[] = [];
  /** Rows of exemplars, with the identity of their histogram. */
  readonly exemplars: { readonly reader: ExemplarReader; readonly histogram: string }[] = [];
  readonly declared: { readonly row: Row; readonly declaration: Declaration }[] = [];
  /** Where the first row begins that is not known, in bytes. */
  end = SERIES_HEADER;
  views: Views = { words: new Int32Array(0), doubles: new Float64Array(0) };
  #owners = 0;

  constructor(memory: SlotSeries) {
    this.memory = memory;
  }

  /** Forgets all rows when another thread has taken over the memory. */
  check(): void {
    const owners = Atomics.load(new Int32Array(this.memory, 0, OWNERS + 1), OWNERS);
    if (owners === this.#owners) return;
    this.#owners = owners;
    for (const list of [this.starts, this.series, this.renamable, this.exemplars, this.declared]) {
      list.length = 0;
    }
    this.end = SERIES_HEADER;
  }

  /** Makes the views long enough for all rows before `end`. */
  reach(end: number): void {
    if (end <= this.views.words.byteLength) return;
    const { memory } = this;
    const bytes = memory.byteLength;
    this.views = {
      words: new Int32Array(memory, 0, bytes >> 2),
      doubles: new Float64Array(memory, 0, bytes >> 3),
    };
  }

  addRenamable(row: Row, naming: Naming): void {
    this.renamable.push({ row, naming, version: undefined });
  }

  /** Reads the name of a row that may be renamed only when it was, and its value. */
  namingOf(known: RenamableRow): Naming {
    const { words } = known.row;
    const version = Atomics.load(words, NAME);
    if (version === known.version && readWide(words, BEFORE) === known.naming.before) {
      const value = readWide(words, VALUE);
      if (Atomics.load(words, NAME) === version) return { ...known.naming, value };
    }
    known.naming = namingOf(this.memory, known.row);
    const isSame = (version & VERSION) === 0 && Atomics.load(words, NAME) === version;
    known.version = isSame ? version : undefined;
    return known.naming;
  }
}
