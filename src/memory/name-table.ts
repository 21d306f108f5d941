// Rows of shared memory that are found by name: all threads that use the same name get the same row. A few
// whole numbers (terms) may go with a name, on which all its users must agree. Rows are never released.
//
// The search begins at the row that the hash of the name selects. The first thread marks a free row with the
// hash. Then every thread that looks for a name with this hash writes the name word by word, each word only
// if it is not written yet, and the length last. When it finds a word of another name it goes on to the next
// row. So one of two names with the same hash gets the row, and the next thread completes a name that a
// thread left incomplete when it died.
import type { Area } from './area.js';
import { type FieldName, NAME_BYTES, TERMS } from './layout.js';

/** The kinds of named rows: their fields, and their name in messages. */
const KINDS = {
  breaker: ['breakerHash', 'breakerNameLength', 'breakerName', 'breakerTerms', 'named breakers'],
  bulkhead: ['bulkheadHash', 'bulkheadNameLength', 'bulkheadName', 'bulkheadNumbers', 'bulkheads'],
  cluster: ['clusterHash', 'clusterNameLength', 'clusterName', 'clusterTerms', 'limits over processes'],
  limit: ['limitHash', 'limitNameLength', 'limitName', 'limitTerms', 'rate limits with keys of their own'],
  rate: ['rateHash', 'rateNameLength', 'rateName', 'rateTerms', 'named rate limits'],
  route: ['routeHash', 'routeNameLength', 'routeName', 'routeTerms', 'routes with a count of their own'],
  served: [
    'servedHash',
    'servedNameLength',
    'servedName',
    'servedTerms',
    'services with a count of their own',
  ],
} as const satisfies Record<string, readonly [FieldName, FieldName, FieldName, FieldName, string]>;

export interface Named {
  readonly row: number;
  readonly name: string;
  /** The numbers that go with the name; undefined as long as no thread has set any. */
  readonly terms: readonly number[] | undefined;
}

export class NameTable {
  readonly rows: number;
  readonly #area: Area;
  readonly #kind: (typeof KINDS)[keyof typeof KINDS];

  constructor(area: Area, kind: keyof typeof KINDS) {
    this.#area = area;
    this.#kind = KINDS[kind];
    this.rows = area.table(this.#kind[0]).rows;
  }

  /**
   * The row of a name, which is taken when the name is new.
   * @throws RangeError when there are too many names, or one is too long
   */
  rowOf(name: string): number {
    const bytes = new TextEncoder().encode(name);
    if (bytes.length === 0 || bytes.length > NAME_BYTES) {
      throw new RangeError(`the name "${name}" is empty, or longer than ${NAME_BYTES} bytes`);
    }
    const row = this.#search(bytes, this.rows);
    if (row !== undefined) return row;
    const [, , , , what] = this.#kind;
    throw new RangeError(`"${name}" is one too many: there is room for ${this.rows} ${what} in a process`);
  }

  /**
   * Like `rowOf`, for a name that may be too long: such a name is shortened.
   * @param most a free row is taken only while fewer rows than this are in use; threads that do so at the
   *   same moment may exceed it by one each
   * @returns undefined when no row is free
   */
  rowFor(name: string, most = this.rows): number | undefined {
    const short = shortened(name);
    const bytes = new TextEncoder().encode(short);
    return bytes.length === 0 ? undefined : this.#search(bytes, most);
  }

  #search(bytes: Uint8Array, most: number): number | undefined {
    const [hashes] = this.#kind;
    const hash = hashOf(bytes);
    const name = wordsOf(bytes);
    for (let step = 0; step < this.rows; step++) {
      const row = ((hash >>> 0) + step) % this.rows;
      const words = this.#area.words(hashes, row);
      if (most < this.rows && Atomics.load(words, 0) === 0 && this.#used() >= most) return undefined;
      const before = Atomics.compareExchange(words, 0, 0, hash);
      if ((before === 0 || before === hash) && this.#isNamed(row, name, bytes.length)) return row;
    }
    return undefined;
  }

  /**
   * Writes the words of a name that are not written yet. @returns false when the row belongs to another name
   */
  #isNamed(row: number, name: Int32Array, length: number): boolean {
    const [, lengths, names] = this.#kind;
    const written = this.#area.words(names, row);
    for (const [index, word] of name.entries()) {
      const before = Atomics.compareExchange(written, index, 0, word);
      if (before !== 0 && before !== word) return false;
    }
    const before = Atomics.compareExchange(this.#area.words(lengths, row), 0, 0, length);
    return before === 0 || before === length;
  }

  #used(): number {
    let used = 0;
    for (let row = 0; row < this.rows; row++) {
      if (Atomics.load(this.#area.words(this.#kind[0], row), 0) !== 0) used++;
    }
    return used;
  }

  nameOf(row: number): string | undefined {
    const [, lengths, names] = this.#kind;
    const length = Atomics.load(this.#area.words(lengths, row), 0);
    if (length === 0) return undefined;
    // A TextDecoder does not accept shared memory, so the bytes are copied first.
    const bytes = this.#area.bytes(names, row).slice(0, length);
    return new TextDecoder().decode(bytes.map((byte) => ~byte));
  }

  /**
   * Sets the numbers that go with a name. The first thread that sets a number decides it: of two threads that
   * set different numbers at most one gets true.
   * @param terms whole numbers 0..2^31-2
   * @param replace overwrite the numbers that were set before
   */
  agree(row: number, terms: readonly number[], replace: boolean): boolean {
    const words = this.#terms(row);
    let agreed = true;
    for (const [index, term] of terms.entries()) {
      if (replace) Atomics.store(words, index, term + 1);
      else {
        const before = Atomics.compareExchange(words, index, 0, term + 1);
        if (before !== 0 && before !== term + 1) agreed = false;
      }
    }
    return agreed;
  }

  /** All names so far. */
  list(): Named[] {
    return Array.from({ length: this.rows }, (_, row) => row).flatMap((row) => {
      const name = this.nameOf(row);
      return name === undefined ? [] : [{ row, name, terms: this.termsOf(row) }];
    });
  }

  termsOf(row: number): readonly number[] | undefined {
    const words = this.#terms(row);
    const terms = Array.from({ length: TERMS }, (_, index) => Atomics.load(words, index) - 1);
    return terms[0]! < 0 ? undefined : terms;
  }

  #terms(row: number): Int32Array {
    return this.#area.words(this.#kind[3], row);
  }
}

const HASH_DIGITS = 8;
/** Bytes of UTF-8 for one unit of UTF-16. */
const MOST_BYTES_OF_CHARACTER = 3;

/**
 * The name by which `rowFor` finds a row. The end of a name that is too long is replaced by a hash of the
 * whole name, the same in every thread.
 */
export function shortened(name: string): string {
  if (name.length * MOST_BYTES_OF_CHARACTER <= NAME_BYTES) return name;
  const bytes = new TextEncoder().encode(name);
  if (bytes.length <= NAME_BYTES) return name;
  // `encodeInto` writes only whole characters.
  const { read } = new TextEncoder().encodeInto(name, new Uint8Array(NAME_BYTES - HASH_DIGITS - 1));
  const digits = (hashOf(bytes) >>> 0).toString(16).padStart(HASH_DIGITS, '0');
  return `${name.slice(0, read)}~${digits}`;
}

/**
 * The words of a name: its bytes, inverted. No byte of UTF-8 is 0xff, so no word is 0, which means that
 * nothing was written.
 */
function wordsOf(bytes: Uint8Array): Int32Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  for (const [index, byte] of bytes.entries()) padded[index] = ~byte;
  return new Int32Array(padded.buffer);
}

/** FNV-1a; never 0, which marks a free row. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0 || 1;
}
