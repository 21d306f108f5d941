// The shared memory of a check: its words have numbers, and every change can be undone.
import type { Kind, Operation, Result, Value } from './operations.js';
import { valueAfter } from './operations.js';

/** The words of one buffer, and the largest number of buffers. */
const BUFFER_BITS = 24;
const BUFFER_MASK = (1 << BUFFER_BITS) - 1;

/** The real globals, which are replaced while a check runs. */
const [Words, WideWords] = [Int32Array, BigInt64Array];

const WITH_OLD_VALUE: ReadonlySet<Kind> = new Set<Kind>([
  'load',
  'read',
  'add',
  'sub',
  'and',
  'or',
  'exchange',
  'compareExchange',
]);

export class ModelMemory {
  readonly #buffers: SharedArrayBuffer[] = [];
  readonly #words: Int32Array[] = [];
  readonly #wide: BigInt64Array[] = [];
  /** Address and former value of every change, in order. */
  readonly #journal: number[] = [];
  /** The words that have ever changed: their indices in `#changed`, and their first values. */
  readonly #places = new Map<number, number>();
  readonly #changed: number[] = [];
  readonly #first: number[] = [];

  addressOf(buffer: SharedArrayBuffer, byteOffset: number): number {
    let index = this.#buffers.indexOf(buffer);
    if (index < 0) {
      index = this.#buffers.push(buffer) - 1;
      this.#words.push(new Words(buffer));
      this.#wide.push(new WideWords(buffer, 0, buffer.byteLength >> 3));
    }
    return (index << BUFFER_BITS) | (byteOffset >> 2);
  }

  word(address: number): number {
    return this.#words[address >> BUFFER_BITS]![address & BUFFER_MASK]!;
  }

  /** Executes an operation, except `waitAsync` and `notify`, which the scheduler executes. */
  perform(operation: Operation): Result {
    const { kind, address, isWide, values } = operation;
    if (kind === 'nothing') return 0;
    const before = isWide ? this.#wideWord(address) : this.word(address);
    const after = valueAfter(operation, before);
    if (after !== undefined) this.#set(address, isWide, after);
    return WITH_OLD_VALUE.has(kind) ? before : (values[0] ?? 0);
  }

  /** A position for `undo`. */
  get mark(): number {
    return this.#journal.length;
  }

  undo(mark: number): void {
    const journal = this.#journal;
    while (journal.length > mark) {
      const value = journal.pop()!;
      const address = journal.pop()!;
      this.#words[address >> BUFFER_BITS]![address & BUFFER_MASK] = value;
    }
  }

  /** Ends the construction: from here on changes belong to the check. */
  begin(): void {
    this.#journal.length = 0;
    this.#places.clear();
    this.#changed.length = 0;
    this.#first.length = 0;
  }

  /** Appends the state of the memory, as 16-bit numbers: the words that differ from the beginning. */
  addContents(codes: number[]): void {
    for (let place = 0; place < this.#changed.length; place++) {
      const value = this.word(this.#changed[place]!);
      if (value !== this.#first[place]) codes.push(place, value & 0xffff, value >>> 16);
    }
  }

  #wideWord(address: number): bigint {
    return this.#wide[address >> BUFFER_BITS]![(address & BUFFER_MASK) >> 1]!;
  }

  #set(address: number, isWide: boolean, value: Value): void {
    if (!isWide) {
      this.#setWord(address, Number(value) | 0);
      return;
    }
    this.#setWord(address, Number(BigInt.asIntN(32, BigInt(value))));
    this.#setWord(address + 1, Number(BigInt.asIntN(32, BigInt(value) >> 32n)));
  }

  #setWord(address: number, value: number): void {
    const before = this.word(address);
    if (before === value) return;
    if (!this.#places.has(address)) {
      this.#places.set(address, this.#changed.push(address) - 1);
      this.#first.push(before);
    }
    this.#journal.push(address, before);
    this.#words[address >> BUFFER_BITS]![address & BUFFER_MASK] = value;
  }
}
