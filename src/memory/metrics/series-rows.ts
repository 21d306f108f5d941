// Rows of metric series in the memory of one slot, one after the other, each as long as needed. This file has
// the format of a row and how any thread reads it; series-store.ts writes rows.
//
//   word 0      length of the row in bytes, a multiple of 8
//   word 1      words of its histogram cells: 0 or all
//   words 2, 3  counter or gauge value, or the sum of a histogram in microseconds
//   words 4, 5  counter: what was counted under former names, see series-store.ts
//               histogram: its longest duration in microseconds
//   word 6      bytes of the name that stay when the row is renamed
//   word 7      upper half: version of the name, odd while it is written; lower half: its length in bytes
//   cells, then the name (identity text)
//
// Only the thread of the slot writes. Any thread may read, at any time. The version of the name guards the
// name and words 4 and 5, which are read and written by atomic operations, word by word: a processor may
// reorder plain ones, so that a write would come before the version has become odd, or a read after it was
// compared.
import { HISTOGRAM_CELLS, WIDE } from '../layout.js';
import type { Naming } from './series-identity.js';
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
/**
 * Attempts to read a name that is being written. It may never be complete, because its writer may be lost.
 */
const READ_ATTEMPTS = 100;

/** A row. Its offset in bytes identifies it within its memory. */
export interface Row {
  readonly at: number;
  /** Where the next row begins. */
  readonly end: number;
  readonly words: Int32Array;
}

/** All rows, oldest first. @param from offset of the first row to read, where a row begins */
export function* rowsOf(memory: SlotSeries, from: number = SERIES_HEADER): Generator<Row> {
  const used = Atomics.load(new Int32Array(memory, 0, 2), USED);
  // The thread of the memory may have written anything into it. So the reader checks every length: it never
  // reads beyond the end and always terminates.
  const end = Math.min(used, memory.byteLength);
  for (let at = from; at + ROW_BYTES <= end; ) {
    const words = new Int32Array(memory, at, ROW_WORDS);
    const length = words[LENGTH]!;
    const cells = words[CELLS]!;
    const isRow = (cells === 0 || cells === CELL_WORDS) && length % 8 === 0;
    if (!isRow || length < ROW_BYTES + cells * 4 || at + length > end) return;
    yield { at, end: at + length, words };
    at += length;
  }
}

/** Whether the name of a row begins with this ASCII text. This is cheaper than reading the whole name. */
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

/** Reads the name of a row, again when its thread renames it meanwhile. */
export function namingOf(memory: SlotSeries, { at, words }: Row): Naming {
  const start = at + ROW_BYTES + words[CELLS]! * 4;
  const room = Math.max(0, at + words[LENGTH]! - start);
  const name = new Int32Array(memory, start, room >> 2);
  const text = (length: number): string => {
    // A TextDecoder does not accept shared memory, so the bytes are copied first.
    const copy = new Int32Array(Math.ceil(length / 4));
    for (let index = 0; index < copy.length; index++) copy[index] = Atomics.load(name, index);
    return decoder.decode(new Uint8Array(copy.buffer, 0, length));
  };
  const stays = Math.min(words[STAYS]! >>> 0, room);
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
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

/**
 * The words of the value, followed by those of a histogram's longest duration; aligned to eight bytes, as
 * `storeNumber` requires.
 */
export const valueWords = (memory: SlotSeries, at: number): Int32Array =>
  new Int32Array(memory, at + VALUE * 4, 2 * WIDE);

/** The words of the histogram cells; empty for a row without cells. */
export const cellsOf = (memory: SlotSeries, { at, words }: Row): Int32Array =>
  new Int32Array(memory, at + ROW_BYTES, words[CELLS]!);
