// When an endpoint has last given cause for doubt, as all threads see it: it has not responded for longer
// than others take, or has sent too much. No pick reads it, so it is not among what pickers compare. The
// word holds milliseconds of the shared clock with the lowest bit set, so that it is never 0, which means
// that there was no cause.
import type { Table } from './area.js';
import { isWithin, toWord } from './elapsed.js';

export class EndpointDoubts {
  readonly #words: Int32Array;
  readonly #stride: number;

  constructor({ words, stride }: Table) {
    this.#words = words;
    this.#stride = stride;
  }

  mark(slot: number, now: number): void {
    Atomics.store(this.#words, slot * this.#stride, toWord(now) | 1);
  }

  /** Whether there was cause within this time. After 49 days a time looks recent again. */
  isMarked(slot: number, withinMs: number, now: number): boolean {
    const word = Atomics.load(this.#words, slot * this.#stride);
    return word !== 0 && isWithin(withinMs, toWord(now) | 0, word);
  }

  clear(slot: number): void {
    Atomics.store(this.#words, slot * this.#stride, 0);
  }
}
