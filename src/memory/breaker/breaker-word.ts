// The state of one breaker, packed into a 64-bit word so that one compare-and-swap changes all of it.
//
//   low half   bits 0-1 state, 2-3 forced, 4-7 probes taken, 8-11 probes succeeded, 12-31 epoch
//              (probes: while half-open, and while open because they ran out of time)
//   high half  milliseconds of the shared clock: when the state was entered, or the last probe was
//              let through
//
// The next word is a flag: a census of the probes is owed (probe-permits.ts).
import type { Transitions } from '../../resilience/breaker-contract.js';
import type { Area } from '../area.js';

export const [CLOSED, OPEN, HALF_OPEN] = [0, 1, 2] as const;
export const FORCED_OPEN = 1 << 2;
export const FORCED_CLOSED = 2 << 2;
const FORCED_MASK = 0xc;
const MODE_MASK = 0xf;
/** Added to the low half: one more probe taken, one more succeeded. */
export const TAKEN = 1 << 4;
export const SUCCEEDED = 1 << 8;
const EPOCH_SHIFT = 12;
export const EPOCH_MASK = 0xfffff;

/** State and forced bits: one of the five constants above, since a forced breaker has no other state. */
export const modeOf = (low: number): number => low & MODE_MASK;
export const isForced = (low: number): boolean => (low & FORCED_MASK) !== 0;
export const takenOf = (low: number): number => (low >>> 4) & 0xf;
export const succeededOf = (low: number): number => (low >>> 8) & 0xf;
export const epochOf = (low: number): number => low >>> EPOCH_SHIFT;
/** The low half with another mode, in the same epoch and with the same probes. */
export const inMode = (low: number, mode: number): number => (low & ~MODE_MASK) | mode;
/** The low half with a mode in the next epoch, with no probe taken. */
export const following = (low: number, mode: number): number =>
  (((epochOf(low) + 1) & EPOCH_MASK) << EPOCH_SHIFT) | mode;

const lowOf = (word: bigint): number => Number(BigInt.asIntN(32, word));
const sinceOf = (word: bigint): number => Number(BigInt.asUintN(32, word >> 32n));
const pack = (low: number, since: number): bigint =>
  BigInt.asIntN(64, (BigInt(since) << 32n) | BigInt(low >>> 0));

const OWED = 2;

/** The words of all breakers, and the number of their transitions. */
export class BreakerWords {
  /** The low halves of the words, for the fast path: supported platforms are little-endian. */
  readonly #low: Int32Array;
  readonly #lowStride: number;
  readonly #words: BigInt64Array;
  readonly #stride: number;
  readonly #transitions: Int32Array;
  readonly #transitionStride: number;
  readonly rows: number;

  constructor(area: Area) {
    const state = area.table('breakerState');
    this.rows = state.rows;
    this.#low = state.words;
    this.#lowStride = state.stride;
    this.#words = new BigInt64Array(state.words.buffer, state.words.byteOffset, state.words.length / 2);
    this.#stride = state.stride / 2;
    const transitions = area.table('breakerTransitions');
    this.#transitions = transitions.words;
    this.#transitionStride = transitions.stride;
  }

  low(slot: number): number {
    return Atomics.load(this.#low, slot * this.#lowStride);
  }

  load(slot: number): { readonly word: bigint; readonly low: number; readonly since: number } {
    const word = Atomics.load(this.#words, slot * this.#stride);
    return { word, low: lowOf(word), since: sinceOf(word) };
  }

  /**
   * Replaces the word. @returns false when another thread has changed it meanwhile; then nothing is written
   */
  swap(slot: number, expected: bigint, low: number, since: number): boolean {
    const index = slot * this.#stride;
    return Atomics.compareExchange(this.#words, index, expected, pack(low, since)) === expected;
  }

  /**
   * Whether a census of the probes is due, because some of those that are counted may be held by no thread.
   */
  isOwed(slot: number): boolean {
    return Atomics.load(this.#low, slot * this.#lowStride + OWED) !== 0;
  }

  owe(slot: number, isOwed: boolean): void {
    Atomics.store(this.#low, slot * this.#lowStride + OWED, isOwed ? 1 : 0);
  }

  /** Counts a transition. @param to CLOSED, OPEN or HALF_OPEN */
  count(slot: number, to: number): void {
    Atomics.add(this.#transitions, slot * this.#transitionStride + to, 1);
  }

  transitions(slot: number): Transitions {
    const base = slot * this.#transitionStride;
    return {
      open: Atomics.load(this.#transitions, base + OPEN),
      halfOpen: Atomics.load(this.#transitions, base + HALF_OPEN),
      closed: Atomics.load(this.#transitions, base + CLOSED),
    };
  }

  totalTransitions(): Transitions {
    let [open, halfOpen, closed] = [0, 0, 0];
    for (let slot = 0; slot < this.rows; slot++) {
      const transitions = this.transitions(slot);
      open += transitions.open;
      halfOpen += transitions.halfOpen;
      closed += transitions.closed;
    }
    return { open, halfOpen, closed };
  }
}
