// The failures and the ejection of one endpoint, as all threads see them: one 64-bit word, so that one
// compare-and-swap changes all of it.
//
//   low half   bits 0-3 failures in a row, 4 ejected, 5 in its slow start, 6-13 times ejected, 14-31 sequence
//   high half  milliseconds of the shared clock: when its ejection ends, or else when it arrived
//
// The sequence grows whenever failures are forgotten, so a word that was read before is never mistaken for a
// later one.
import type { Block } from './block.js';

export const EJECTED = 1 << 4;
export const STARTING = 1 << 5;
const FAILURES_MASK = 0xf;
const TIMES_SHIFT = 6;
const TIMES_MASK = 0xff;
const SEQUENCE_SHIFT = 14;
const SEQUENCE = 1 << SEQUENCE_SHIFT;

export const failuresOf = (low: number): number => low & FAILURES_MASK;
export const timesOf = (low: number): number => (low >>> TIMES_SHIFT) & TIMES_MASK;
export const isEjected = (low: number): boolean => (low & EJECTED) !== 0;
export const sequenceOf = (low: number): number => low >>> SEQUENCE_SHIFT;
/** Whether the endpoint gets less than its share: it is ejected or starting. */
export const isSpared = (low: number): boolean => (low & (EJECTED | STARTING)) !== 0;
/** The low half with another number of ejections and the same failures and flags. */
export const withTimes = (low: number, times: number): number =>
  (low & ~(TIMES_MASK << TIMES_SHIFT)) | (times << TIMES_SHIFT);
/** The low half with the next sequence number, no failures, and the flags EJECTED, STARTING or neither. */
export const afterwards = (low: number, flags: number, times: number): number =>
  ((low & ~(SEQUENCE - 1)) + SEQUENCE) | (Math.min(times, TIMES_MASK) << TIMES_SHIFT) | flags | 0;

export interface LoadedWord {
  readonly word: bigint;
  readonly low: number;
  /** The high half of the word. */
  readonly moment: number;
}

export class EjectionWords {
  readonly slots: number;
  /** The low halves, for the fast path: supported platforms are little-endian. */
  readonly #low: Int32Array;
  readonly #lowStride: number;
  readonly #words: BigInt64Array;
  readonly #stride: number;

  constructor(block: Block) {
    const { words, stride, rows } = block.table('endpointEjection');
    this.slots = rows;
    this.#low = words;
    this.#lowStride = stride;
    this.#words = new BigInt64Array(words.buffer, words.byteOffset, words.length / 2);
    this.#stride = stride / 2;
  }

  low(slot: number): number {
    return Atomics.load(this.#low, slot * this.#lowStride);
  }

  load(slot: number): LoadedWord {
    const word = Atomics.load(this.#words, slot * this.#stride);
    return { word, low: Number(BigInt.asIntN(32, word)), moment: Number(BigInt.asUintN(32, word >> 32n)) };
  }

  /**
   * Replaces the word. @returns false when another thread has changed it meanwhile; then nothing is written
   */
  swap(slot: number, expected: bigint, low: number, moment: number): boolean {
    const next = BigInt.asIntN(64, (BigInt(moment) << 32n) | BigInt(low >>> 0));
    return Atomics.compareExchange(this.#words, slot * this.#stride, expected, next) === expected;
  }
}
