// Which worker makes which shared call, so that the other workers wait for its result instead of calling as
// well. A claim is one word: a tag of the key, and the slot of the worker. It only names the worker to wait
// for: that worker tells apart keys that collide in one word. A key whose word is taken by another key is
// called by every worker itself.
import type { Block } from './block.js';
import { KeyedHash } from './keyed-hash.js';
import { CALL_CLAIMS } from './layout.js';

const SLOT_BITS = 10;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const TAG_MASK = (1 << (32 - SLOT_BITS)) - 1;
/** Apart from other uses of the same secret. */
const SALT = 0x43414c4c; // "CALL"

/** What `claim` returns besides the slot of another worker. */
export const MINE = 0;
export const NO_PLACE = -1;

export class CallClaims {
  readonly #words: Int32Array;
  readonly #slot: number;
  readonly #hash: KeyedHash;

  constructor(block: Block, slot: number) {
    this.#words = block.words('callClaims');
    this.#slot = slot;
    this.#hash = new KeyedHash(block.words('rateSecret'));
  }

  /** @returns MINE, also when it was claimed before; the slot of the worker that holds it; or NO_PLACE */
  claim(key: string): number {
    const { place, tag } = this.#placeOf(key);
    const before = Atomics.compareExchange(this.#words, place, 0, (tag << SLOT_BITS) | this.#slot);
    if (before === 0) return MINE;
    if (before >>> SLOT_BITS !== tag) return NO_PLACE;
    const holder = before & SLOT_MASK;
    return holder === this.#slot ? MINE : holder;
  }

  /**
   * Whether the claim, or one of another key with the same tag, is held. @param holder a result of `claim`
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
