// Rows of metric series in the memory of one slot, one after the other, each as long as needed:
//
//   word 0      length of the row in bytes, a multiple of 8
//   word 1      words of its histogram cells: 0 or all
//   words 2, 3  counter or gauge value, or the sum of a histogram in microseconds
//   words 4, 5  counter: what was counted for former users of the row, see `rename`
//               histogram: its longest duration in microseconds
//   word 6      bytes of the name that stay when the row is renamed
//   word 7      upper half: version of the name, odd while it is written; lower half: its length in bytes
//   cells, then the name (identity text)
//
// One thread writes: that of the slot. Any thread may read, at any time. What a reader compares
// versions for is read and written by atomic operations, word by word: where a processor keeps others in no
// order, plain ones could be carried out before the version has become odd, or after it was compared.
import { HISTOGRAM_CELLS, WIDE } from '../layout.js';
import { SERIES_HEADER, type SlotSeries, USED } from './series-memory.js';
import { readWide } from './wide.js';

const ROW_WORDS = 8;
export const ROW_BYTES = ROW_WORDS * 4;
export const CELL_WORDS = HISTOGRAM_CELLS * WIDE;
export const [LENGTH, CELLS, VALUE, BEFORE, LONGEST, STAYS, NAME] = [0, 1, 2, 4, 4, 6, 7] as const;
/** The most bytes of an identity text. */
export const MOST_NAME = 1024;
export const LENGTH_BITS = 0xffff;
export const VERSION = 0x10000;
/** Looks at a name that is being written. Its writer may be lost. */
const LOOKS = 100;

/** A row. Its offset in bytes identifies it within its memory. */
export interface Row {
  readonly at: number;
  readonly words: Int32Array;
}

/** All rows, oldest first. */
export function* rowsOf(memory: SlotSeries): Generator<Row> {
  const used = Atomics.load(new Int32Array(memory, 0, 2), USED);
  // The memory belongs to a thread, which may have written anything: a reader stays inside, and comes to an
  // end.
  const end = Math.min(used, memory.byteLength);
  for (let at = SERIES_HEADER; at + ROW_BYTES <= end; ) {
    const words = new Int32Array(memory, at, ROW_WORDS);
    const length = words[LENGTH]!;
    const cells = words[CELLS]!;
    const isRow = (cells === 0 || cells === CELL_WORDS) && length % 8 === 0;
    if (!isRow || length < ROW_BYTES + cells * 4 || at + length > end) return;
    yield { at, words };
    at += length;
  }
}

/**
 * What a row is called now, its value (not of a gauge), and what of that was counted before it was called so.
 */
export interface Naming {
  /** The part of the name that is never renamed. */
  readonly stays: string;
  /** undefined: its thread was lost while it renamed the row. */
  readonly identity: string | undefined;
  readonly value: number;
  /** All of it in that case. */
  readonly before: number;
}

/** Whether the name begins with this text, which is ASCII: cheaper than reading it. */
export function begins(memory: SlotSeries, { at, words }: Row, text: string): boolean {
  const start = at + ROW_BYTES + words[CELLS]! * 4;
  if (start + text.length > at + words[LENGTH]!) return false;
  const bytes = new Uint8Array(memory, start, text.length);
  for (let index = 0; index < text.length; index++) {
    if (bytes[index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

const decoder = new TextDecoder();

export function namingOf(memory: SlotSeries, { at, words }: Row): Naming {
  const start = at + ROW_BYTES + words[CELLS]! * 4;
  const room = Math.max(0, at + words[LENGTH]! - start);
  const name = new Int32Array(memory, start, room >> 2);
  const text = (length: number): string => {
    // A decoder refuses shared memory: copy first.
    const copy = new Int32Array(Math.ceil(length / 4));
    for (let index = 0; index < copy.length; index++) copy[index] = Atomics.load(name, index);
    return decoder.decode(new Uint8Array(copy.buffer, 0, length));
  };
  const stays = Math.min(words[STAYS]! >>> 0, room);
  for (let look = 0; look < LOOKS; look++) {
    const version = Atomics.load(words, NAME);
    if ((version & VERSION) !== 0) continue;
    const length = Math.min(version & LENGTH_BITS, room);
    const identity = text(length);
    const before = readWide(words, BEFORE);
    const value = readWide(words, VALUE);
    if (Atomics.load(words, NAME) !== version) continue;
    return { stays: stays < length ? text(stays) : identity, identity, value, before };
  }
  const value = readWide(words, VALUE);
  return { stays: text(stays), identity: undefined, value, before: value };
}

/** The value, eight-byte aligned, as `storeNumber` needs it; `WIDE` words on, the longest of a histogram. */
export const valueWords = (memory: SlotSeries, at: number): Int32Array =>
  new Int32Array(memory, at + VALUE * 4, 2 * WIDE);

/** Empty for a row without cells. */
export const cellsOf = (memory: SlotSeries, { at, words }: Row): Int32Array =>
  new Int32Array(memory, at + ROW_BYTES, words[CELLS]!);
