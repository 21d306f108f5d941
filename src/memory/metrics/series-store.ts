// The rows of one thread as the thread itself has them: found by what they are called, and made when there is
// room.
import { parseIdentity } from './series-identity.js';
import {
  assertShape,
  SERIES_BYTES,
  SERIES_HEADER,
  SERIES_STEP,
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
  /** The beginning of its name that stays when the row is renamed. Default: all, it never is. */
  readonly stays?: string;
  readonly hasCells: boolean;
  /** Below 2^31. Default 0. */
  readonly value?: number;
  /** Bytes within which all rows must fit with the new one; otherwise it is not made. */
  readonly most: number;
}

/**
 * A row that can be renamed, and what it is called now; undefined when its thread was lost while it renamed
 * it.
 */
export interface Renamable {
  readonly at: number;
  /** Bytes for its name. */
  readonly room: number;
  identity: string | undefined;
}

/** Bytes of a name that may be given to a row later, at least. */
const NAME_ROOM = 192;
const encoder = new TextEncoder();

export class SeriesStore {
  readonly memory: SlotSeries;
  readonly #head: Int32Array;
  /** Offsets of rows by identity. There are no more of them than there are rows. */
  readonly #rows = new Map<string, number>();
  /** Rows by kind and metric, those that can be renamed apart. */
  readonly #counts = new Map<string, number>();
  /** Rows that can be renamed, by what stays of their names. */
  readonly #renamable = new Map<string, Renamable[]>();
  #used = SERIES_HEADER;

  /**
   * Finds what the threads before have left in the memory.
   * @throws Error for memory of another version
   */
  constructor(memory: SlotSeries) {
    assertShape(memory);
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, 2);
    for (const { at, words } of rowsOf(memory)) {
      const { stays, identity } = namingOf(memory, { at, words });
      const [length, cells] = [words[LENGTH]!, words[CELLS]!];
      this.#used = at + length;
      // Any other row was overwritten: it is left alone.
      const isSound = (parseIdentity(stays).kind === 'histogram') === cells > 0;
      if (isSound) this.#keep({ at, room: length - ROW_BYTES - cells * 4, identity }, stays);
    }
  }

  find(identity: string): number | undefined {
    return this.#rows.get(identity);
  }

  /** Rows of a metric, those that can be renamed not among them. */
  count(kind: string, metric: string): number {
    return this.#counts.get(keyOf(kind, metric, false)) ?? 0;
  }

  /** Rows of a metric that can be renamed. */
  countRenamable(kind: string, metric: string): number {
    return this.#counts.get(keyOf(kind, metric, true)) ?? 0;
  }

  /** @param stays what their names begin with and keep */
  renamable(stays: string): readonly Renamable[] {
    return this.#renamable.get(stays) ?? [];
  }

  /** @returns its offset; undefined when there is no room, or its name is too long */
  make({ identity, stays, hasCells, value = 0, most }: Wanted): number | undefined {
    const name = encoder.encode(identity);
    const cells = hasCells ? CELL_WORDS : 0;
    const room = stays === undefined ? name.length : Math.max(name.length, NAME_ROOM);
    const at = this.#used;
    const end = Math.ceil((at + ROW_BYTES + cells * 4 + room) / 8) * 8;
    if (name.length > MOST_NAME || end > most || !this.#reaches(end)) return undefined;
    const words = new Int32Array(this.memory, at, (end - at) / 4);
    words.fill(0); // a thread that was lost here may have left something
    words[LENGTH] = end - at;
    words[CELLS] = cells;
    words[VALUE] = value;
    words[STAYS] = stays === undefined ? name.length : encoder.encode(stays).length;
    words[NAME] = name.length;
    new Uint8Array(this.memory, at + ROW_BYTES + cells * 4, room).set(name);
    this.#used = end;
    Atomics.store(this.#head, USED, end);
    this.#keep({ at, room, identity }, stays ?? identity);
    return at;
  }

  /**
   * Gives a row without cells to another holder. What it has counted by now is that of former holders from
   * here on: the row's value stays as it is, so no reader ever sees their sum go down.
   * @param to no longer than the row has room for
   */
  rename(renamed: Renamable, to: string): void {
    const { at, identity } = renamed;
    const row = new Int32Array(this.memory, at, ROW_BYTES / 4);
    const name = encoder.encode(to);
    const padded = new Int32Array(Math.ceil(name.length / 4));
    new Uint8Array(padded.buffer).set(name);
    const version = row[NAME]! & ~LENGTH_BITS & ~VERSION;
    Atomics.store(row, NAME, version | VERSION);
    Atomics.store(row, BEFORE + 1, row[VALUE + 1]!);
    Atomics.store(row, BEFORE, row[VALUE]!);
    const written = new Int32Array(this.memory, at + ROW_BYTES, padded.length);
    for (const [index, word] of padded.entries()) Atomics.store(written, index, word);
    Atomics.store(row, NAME, (version + 2 * VERSION) | name.length);
    if (identity !== undefined) this.#rows.delete(identity);
    this.#rows.set(to, at);
    renamed.identity = to;
  }

  #keep(row: Renamable, stays: string): void {
    const { at, identity } = row;
    const { kind, metric } = parseIdentity(stays);
    if (identity !== undefined) this.#rows.set(identity, at);
    const isRenamable = identity !== stays;
    const key = keyOf(kind, metric, isRenamable);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (!isRenamable) return;
    const group = this.#renamable.get(stays);
    if (group === undefined) this.#renamable.set(stays, [row]);
    else group.push(row);
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
