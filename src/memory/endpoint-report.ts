// The load that an endpoint has reported last (`x-multilane-load`), as all threads see it: one 64-bit word,
// so that a report is replaced as a whole.
//
//   low half   bits 0-13 calls of other processes, 14-31 latency in units of 64 us, at least one;
//              0: never reported
//   high half  milliseconds of the shared clock when the report came
//
// Reports are claims, and they are only compared with one another. So a reader loads the halves one after the
// other: when a report is replaced in between, it takes the new one for as old as the one before.
import type { Table } from './area.js';
import { isWithin, toWord } from './elapsed.js';

/** After this time a report says nothing about the present any more. */
const VALID_MS = 1_000;
const LATENCY_SHIFT = 14;
const MOST_OTHERS = (1 << LATENCY_SHIFT) - 1;
const LATENCY_UNIT = 64;
const MOST_LATENCY = (1 << (32 - LATENCY_SHIFT)) - 1;
/** There is no report, or only an old one. */
export const NO_REPORT = 0;

const clamped = (value: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, Math.round(value)));

export class EndpointReports {
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #pairs: BigInt64Array;
  readonly #at: number;

  /** @param at the first of the two words in the row of an endpoint */
  constructor({ words, stride }: Table, at: number) {
    this.#words = words;
    this.#stride = stride;
    this.#pairs = new BigInt64Array(words.buffer, words.byteOffset, words.length / 2);
    this.#at = at;
  }

  /** @param others calls of other processes @param microseconds of its calls; both are cut to what fits */
  store(slot: number, others: number, microseconds: number, now: number): void {
    const latency = clamped(microseconds / LATENCY_UNIT, 1, MOST_LATENCY);
    const low = ((latency << LATENCY_SHIFT) | clamped(others, 0, MOST_OTHERS)) >>> 0;
    const word = BigInt.asIntN(64, (BigInt(toWord(now)) << 32n) | BigInt(low));
    Atomics.store(this.#pairs, (slot * this.#stride + this.#at) / 2, word);
  }

  clear(slot: number): void {
    Atomics.store(this.#pairs, (slot * this.#stride + this.#at) / 2, 0n);
  }

  /** Whether the endpoint has ever reported its load. */
  isKnown(slot: number): boolean {
    return this.#words[slot * this.#stride + this.#at] !== 0; // plain: see EndpointCells.look
  }

  /** @param time a word @returns the low half of a report that is recent; NO_REPORT for none */
  recent(slot: number, time: number): number {
    const index = slot * this.#stride + this.#at;
    const stamp = this.#words[index + 1]!;
    const low = this.#words[index]!;
    return isWithin(VALID_MS, time, stamp) ? low : NO_REPORT;
  }
}

/** @param report a report that is recent */
export const othersIn = (report: number): number => report & MOST_OTHERS;
/** In microseconds. */
export const latencyIn = (report: number): number => (report >>> LATENCY_SHIFT) * LATENCY_UNIT;
