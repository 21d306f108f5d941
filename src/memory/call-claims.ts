// Which worker makes which shared call (upstream/single-flight.ts), so that the other workers wait for its
// result instead of calling as well. A claim is one word: a tag of the key, and the slot of the worker. The
// word is found by a hash of the key, so two keys may select the same word. When their tags are equal, too,
// the worker that holds the claim finds the difference; when the tags differ, each worker makes the call of
// the second key itself.
import type { Block } from './block.js';
import { KeyedHash } from './keyed-hash.js';
import { CALL_CLAIMS } from './layout.js';

const SLOT_BITS = 10;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const TAG_MASK = (1 << (32 - SLOT_BITS)) - 1;
/** Makes the hashes differ from those of other uses of the same secret. */
const SALT = 0x43414c4c; // "CALL"

/**
 * The results of `claim` beside the slot of another worker: this worker holds the claim, or another key has
 * the word.
 */
export const MINE = 0;
export const TAKEN_BY_OTHER_KEY = -1;

export class CallClaims {
  readonly #words: Int32Array;
  readonly #slot: number;
  readonly #hash: KeyedHash;

  constructor(block: Block, slot: number) {
    this.#words = block.words('callClaims');
    this.#slot = slot;
    this.#hash = new KeyedHash(block.words('rateSecret'));
  }

  /**
   * Claims a call. @returns MINE, also when this worker holds the claim already; the slot of the worker that
   * holds it; or TAKEN_BY_OTHER_KEY
   */
  claim(key: string): number {
    const { place, tag } = this.#placeOf(key);
    const before = Atomics.compareExchange(this.#words, place, 0, (tag << SLOT_BITS) | this.#slot);
    if (before === 0) return MINE;
    if (before >>> SLOT_BITS !== tag) return TAKEN_BY_OTHER_KEY;
    const holder = before & SLOT_MASK;
    return holder === this.#slot ? MINE : holder;
  }

  /**
   * Whether the worker still holds the claim, or one for another key with the same tag.
   * @param holder a result of `claim`
   */
  isHeld(key: string, holder: number): boolean {
    const { place, tag } = this.#placeOf(key);
    const slot = holder === MINE ? this.#slot : holder;
    return Atomics.load(this.#words, place) === ((tag << SLOT_BITS) | slot);
  }

  release(key: string): void {
    const { place, tag } = this.#placeOf(key);
    Atomics.compareExchange(this.#words, place, (tag << SLOT_BITS) | this.#slot, 0);
  }

  #placeOf(key: string): { readonly place: number; readonly tag: number } {
    this.#hash.of(SALT, key);
    return { place: this.#hash.low & (CALL_CLAIMS - 1), tag: this.#hash.high & TAG_MASK };
  }
}

/** Releases the claims of a lost worker. Call it when none of the worker's code can run any more. */
export function reclaimCalls(block: Block, slot: number): void {
  const words = block.words('callClaims');
  for (let place = 0; place < CALL_CLAIMS; place++) {
    const word = Atomics.load(words, place);
    if (word !== 0 && (word & SLOT_MASK) === slot) Atomics.compareExchange(words, place, word, 0);
  }
}
