// The rows of one thread, as the thread itself uses them: it finds a row by its name, and makes a new one
// when there is room.
//
// A full stack, or V8 when it terminates code (the timeout of `node:vm`), may cut the thread off at any call,
// and the thread goes on with other code. So what the thread knows of its rows must be right after any call:
// a row that is made is noted before other threads see it, and the next look-up completes what was cut off; a
// row that is renamed has no name for the thread until the new one is written.
import { DECLARATION, hasCells, parseIdentity } from './series-identity.js';
import {
  assertShape,
  OWNERS,
  SERIES_BYTES,
  SERIES_HEADER,
  SERIES_STEP,
  type SeriesPart,
  type SlotSeries,
  USED,
} from './series-memory.js';
import {
  BEFORE,
  CELL_WORDS,
  CELLS,
  LENGTH,
  LENGTH_BITS,
  MOST_NAME,
  NAME,
  namingOf,
  ROW_BYTES,
  rowsOf,
  STAYS,
  VALUE,
  VERSION,
} from './series-rows.js';

/** A row that is to be made. */
export interface Wanted {
  readonly identity: string;
  /**
   * The beginning of the name, which stays when the row is renamed. Default: the whole name, for a row that
   * is never renamed.
   */
  readonly stays?: string;
  readonly hasCells: boolean;
  /** Below 2^31. Default 0. */
  readonly value?: number;
  readonly part: SeriesPart;
  /** All rows of the part and the new one must fit into this number of bytes; otherwise it is not made. */
  readonly most: number;
}

/**
 * A row that can be renamed, with its present name. The name is undefined when a thread was lost while it
 * renamed the row.
 */
export interface Renamable {
  readonly at: number;
  /** Bytes for its name. */
  readonly room: number;
  identity: string | undefined;
}

/** A row that is complete in the memory, and what the thread will know of it. */
interface Made {
  readonly row: Renamable;
  readonly stays: string;
  /** The number of rows by this key, with the new one. */
  readonly key: string;
  readonly count: number;
}

interface MadeLast extends Made {
  readonly end: number;
  readonly part: SeriesPart;
  /** Bytes of the part, with the new row. */
  readonly bytes: number;
}

/** The least number of bytes that a row has for its name when it can be renamed later. */
const NAME_ROOM = 192;
const encoder = new TextEncoder();

export class SeriesStore {
  readonly memory: SlotSeries;
  readonly #head: Int32Array;
  /** Offsets of rows by identity. There are no more of them than there are rows. */
  readonly #rows = new Map<string, number>();
  /** The number of rows by kind and metric. Rows that can be renamed are counted separately. */
  readonly #counts = new Map<string, number>();
  /** Rows that can be renamed, by the part of their names that stays. */
  readonly #renamable = new Map<string, Renamable[]>();
  /** The row that was made last, until the thread knows all of it. */
  #made: MadeLast | undefined;
  #used = SERIES_HEADER;
  readonly #bytesOf: Record<SeriesPart, number> = { services: 0, runtime: 0 };

  /**
   * Finds the rows that earlier threads of the slot have left in the memory.
   * @throws Error for memory of another version
   */
  constructor(memory: SlotSeries) {
    assertShape(memory);
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, OWNERS + 1);
    Atomics.add(this.#head, OWNERS, 1);
    const declared = new Set<string>();
    for (const row of rowsOf(memory)) {
      const { at, words } = row;
      const { stays, identity } = namingOf(memory, row);
      const [length, cells] = [words[LENGTH]!, words[CELLS]!];
      this.#used = at + length;
      const { kind, metric } = parseIdentity(stays);
      // Services alone declare metrics, and do so before they count.
      if (kind === DECLARATION) declared.add(metric);
      this.#bytesOf[declared.has(metric) ? 'services' : 'runtime'] += length;
      // A row for which this is false was overwritten by other code. It is not used.
      const isSound = hasCells(kind) === cells > 0;
      if (isSound) this.#keep(this.#counted({ at, room: length - ROW_BYTES - cells * 4, identity }, stays));
    }
  }

  find(identity: string): number | undefined {
    this.#settle();
    return this.#rows.get(identity);
  }

  /** The number of rows of a metric that cannot be renamed. */
  count(kind: string, metric: string): number {
    this.#settle();
    return this.#counts.get(keyOf(kind, metric, false)) ?? 0;
  }

  /** The number of rows of a metric that can be renamed. */
  countRenamable(kind: string, metric: string): number {
    this.#settle();
    return this.#counts.get(keyOf(kind, metric, true)) ?? 0;
  }

  /** The rows that can be renamed within a group. @param stays the part of their names that stays */
  renamable(stays: string): readonly Renamable[] {
    this.#settle();
    return this.#renamable.get(stays) ?? [];
  }

  /** Makes a new row. @returns its offset; undefined when there is no room, or the name is too long */
  make({ identity, stays, hasCells, value = 0, part, most }: Wanted): number | undefined {
    this.#settle();
    const name = encoder.encode(identity);
    const cells = hasCells ? CELL_WORDS : 0;
    const room = stays === undefined ? name.length : Math.max(name.length, NAME_ROOM);
    const at = this.#used;
    const end = Math.ceil((at + ROW_BYTES + cells * 4 + room) / 8) * 8;
    const bytes = this.#bytesOf[part] + end - at;
    if (name.length > MOST_NAME || bytes > most || !this.#reaches(end)) return undefined;
    const words = new Int32Array(this.memory, at, (end - at) / 4);
    words.fill(0); // a thread that was lost here may have left something
    words[LENGTH] = end - at;
    words[CELLS] = cells;
    words[VALUE] = value;
    words[STAYS] = stays === undefined ? name.length : encoder.encode(stays).length;
    words[NAME] = name.length;
    new Uint8Array(this.memory, at + ROW_BYTES + cells * 4, room).set(name);
    this.#made = { ...this.#counted({ at, room, identity }, stays ?? identity), end, part, bytes };
    this.#settle();
    return at;
  }

  /**
   * Gives a row without cells another name. What it has counted until now belongs to its former names from
   * then on. The value of the row does not change, so no reader ever sees the sum of all names go down.
   * @param to the new name, which must fit into the row
   */
  rename(renamed: Renamable, to: string): void {
    const { at, identity } = renamed;
    const row = new Int32Array(this.memory, at, ROW_BYTES / 4);
    const name = encoder.encode(to);
    const padded = new Int32Array(Math.ceil(name.length / 4));
    new Uint8Array(padded.buffer).set(name);
    const version = row[NAME]! & ~LENGTH_BITS & ~VERSION;
    // After a rename that was cut off, another row may have the name as well.
    if (identity !== undefined && this.#rows.get(identity) === at) this.#rows.delete(identity);
    renamed.identity = undefined;
    Atomics.store(row, NAME, version | VERSION);
    Atomics.store(row, BEFORE + 1, row[VALUE + 1]!);
    Atomics.store(row, BEFORE, row[VALUE]!);
    const written = new Int32Array(this.memory, at + ROW_BYTES, padded.length);
    for (const [index, word] of padded.entries()) Atomics.store(written, index, word);
    Atomics.store(row, NAME, (version + 2 * VERSION) | name.length);
    renamed.identity = to;
    this.#rows.set(to, at);
  }

  /** Publishes the row that was made last, and keeps it: from the beginning again when that was cut off. */
  #settle(): void {
    const made = this.#made;
    if (made === undefined) return;
    const { end, part, bytes } = made;
    Atomics.store(this.#head, USED, end);
    this.#keep(made);
    // There is no call from here on.
    this.#used = end;
    this.#bytesOf[part] = bytes;
    this.#made = undefined;
  }

  #counted(row: Renamable, stays: string): Made {
    const { kind, metric } = parseIdentity(stays);
    const key = keyOf(kind, metric, row.identity !== stays);
    return { row, stays, key, count: (this.#counts.get(key) ?? 0) + 1 };
  }

  /** Keeping the same row twice is the same as keeping it once. */
  #keep({ row, stays, key, count }: Made): void {
    const { at, identity } = row;
    if (identity !== undefined) this.#rows.set(identity, at);
    this.#counts.set(key, count);
    if (identity === stays) return;
    const group = this.#renamable.get(stays);
    if (group === undefined) this.#renamable.set(stays, [row]);
    else if (group.at(-1) !== row) group.push(row);
  }

  #reaches(end: number): boolean {
    const { memory } = this;
    if (end > SERIES_BYTES) return false;
    if (end <= memory.byteLength) return true;
    try {
      memory.grow(Math.ceil(end / SERIES_STEP) * SERIES_STEP);
      return true;
    } catch {
      return false; // the machine has no more memory: the caller shares a row
    }
  }
}

const keyOf = (kind: string, metric: string, isRenamable: boolean): string =>
  `${kind} ${metric} ${isRenamable}`;
