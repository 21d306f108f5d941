// Which worker is fetching what, so that others wait for its answer in place of fetching it as well. One word
// per place: a tag of the key, and the slot of the worker. It only says whom to ask: keys that meet in a
// place are told apart by the worker that is asked, and a key whose place is taken by another is simply
// fetched by everybody.
import type { Block } from './block.js';
import { KeyedHash } from './keyed-hash.js';
import { CALL_CLAIMS } from './layout.js';

const SLOT_BITS = 10;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const TAG_MASK = (1 << (32 - SLOT_BITS)) - 1;
/** Apart from other uses of the same secret. */
const SALT = 0x43414c4c; // "CALL"

/** What `claim` answers besides the slot of another worker. */
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

  /** MINE also if it was before; the slot of the worker that has it; or NO_PLACE. */
  claim(key: string): number {
    const { place, tag } = this.#placeOf(key);
    const before = Atomics.compareExchange(this.#words, place, 0, (tag << SLOT_BITS) | this.#slot);
    if (before === 0) return MINE;
    if (before >>> SLOT_BITS !== tag) return NO_PLACE;
    const holder = before & SLOT_MASK;
    return holder === this.#slot ? MINE : holder;
  }

  /** Or another key of the same tag. @param holder as `claim` answers it */
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

/** What a lost worker was fetching is anybody's again. Call when none of its code can run any more. */
export function reclaimCalls(block: Block, slot: number): void {
  const words = block.words('callClaims');
  for (let place = 0; place < CALL_CLAIMS; place++) {
    const word = Atomics.load(words, place);
    if (word !== 0 && (word & SLOT_MASK) === slot) Atomics.compareExchange(words, place, word, 0);
  }
}
