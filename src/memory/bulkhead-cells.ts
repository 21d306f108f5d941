// Bounded numbers of things at once, each by a name, counted over all threads: whoever says the same name counts in the
// same row. What each thread holds is counted, too, so that it can be given back if the thread is lost.
import type { Block } from './block.js';
import { BULKHEAD_NAME_BYTES, BULKHEADS } from './layout.js';

/** One of them, as one thread uses it. */
export interface Permits {
  /** False: so many are held already; nothing was taken. */
  enter(most: number): boolean;
  leave(): void;
  /** Held in all threads. */
  readonly held: number;
}

export class BulkheadCells {
  readonly #block: Block;
  readonly #held: Int32Array;
  readonly #own: Int32Array;
  readonly #ownBase: number;
  readonly #stride: number;
  readonly #known = new Map<string, Permits>();

  /** @param slot row of the thread */
  constructor(block: Block, slot: number) {
    this.#block = block;
    const { words, stride } = block.table('bulkheadHeld');
    this.#held = words;
    this.#stride = stride;
    this.#own = block.table('workerBulkheadHeld').words;
    this.#ownBase = slot * BULKHEADS;
  }

  /** @throws RangeError when there are too many names, or one is too long */
  of(name: string): Permits {
    let permits = this.#known.get(name);
    if (permits === undefined) {
      permits = this.#permits(name);
      this.#known.set(name, permits);
    }
    return permits;
  }

  #permits(name: string): Permits {
    const row = this.#rowOf(name);
    const held = this.#held;
    const own = this.#own;
    const index = row * this.#stride;
    const ownIndex = this.#ownBase + row;
    return {
      enter(most) {
        for (;;) {
          const before = Atomics.load(held, index);
          if (before >= most) return false;
          if (Atomics.compareExchange(held, index, before, before + 1) === before) break;
        }
        Atomics.add(own, ownIndex, 1);
        return true;
      },
      leave() {
        Atomics.sub(own, ownIndex, 1);
        Atomics.sub(held, index, 1);
      },
      get held() {
        return Atomics.load(held, index);
      },
    };
  }

  /** All names and how many each holds. */
  usage(): { readonly name: string; readonly held: number }[] {
    return Array.from({ length: BULKHEADS }, (_, row) => row).flatMap((row) => {
      const name = this.#nameOf(row);
      return name === undefined ? [] : [{ name, held: Atomics.load(this.#held, row * this.#stride) }];
    });
  }

  /** A row belongs to the first who marks it with the hash of a name; its name follows, its length last. */
  #rowOf(name: string): number {
    const bytes = new TextEncoder().encode(name);
    if (bytes.length === 0 || bytes.length > BULKHEAD_NAME_BYTES) {
      throw new RangeError(`the name "${name}" is empty, or longer than ${BULKHEAD_NAME_BYTES} bytes`);
    }
    const hash = hashOf(bytes);
    for (let step = 0; step < BULKHEADS; step++) {
      const row = ((hash >>> 0) + step) % BULKHEADS;
      const mark = this.#block.words('bulkheadHash', row);
      const before = Atomics.compareExchange(mark, 0, 0, hash);
      if (before === 0) {
        this.#block.bytes('bulkheadName', row).set(bytes);
        Atomics.store(this.#block.words('bulkheadNameLength', row), 0, bytes.length);
        return row;
      }
      // Whose name is not there yet is being written by a thread that starts beside this one.
      if (before === hash && (this.#nameOf(row) ?? name) === name) return row;
    }
    throw new RangeError(`more than ${BULKHEADS} names of things that are bounded`);
  }

  #nameOf(row: number): string | undefined {
    const length = Atomics.load(this.#block.words('bulkheadNameLength', row), 0);
    // A decoder refuses shared memory: copy first.
    return length === 0
      ? undefined
      : new TextDecoder().decode(this.#block.bytes('bulkheadName', row).slice(0, length));
  }
}

/** Gives back what a lost worker held. Call when none of its code can run any more. */
export function reclaimBulkheads(block: Block, slot: number): void {
  const { words, stride } = block.table('bulkheadHeld');
  const own = block.table('workerBulkheadHeld').words;
  for (let row = 0; row < BULKHEADS; row++) {
    const held = Atomics.exchange(own, slot * BULKHEADS + row, 0);
    if (held !== 0) Atomics.sub(words, row * stride, held);
  }
}

/** FNV-1a; never 0, which marks a free row. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0 || 1;
}
