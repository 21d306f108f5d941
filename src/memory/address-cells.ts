// How much each client address holds of something (open connections, bodies on their way), over all threads,
// in memory of a fixed size. Every thread counts in cells of its own, so there is one writer per cell; the
// amount of an address is the sum of its cells over all threads.
//
// An address has two cells, chosen by a hash with a secret key, and the smaller sum of the two is what
// counts: a count-min sketch (G. Cormode and S. Muthukrishnan, 2005) with two rows. Addresses that share a
// cell only make the sum larger, so an address never holds more than it may. It may be refused early when
// both of its cells are shared with addresses that hold much: beside two addresses at their bound the chance
// is (2 / 1024)^2, or 4 in a million.
//
// Exactness: a thread adds first and then reads all threads. Of two threads that add at the same time at
// least one sees the other, so both together never pass the bound; at the bound both may see each other, and
// then both are refused.
import type { Area } from './area.js';
import { KeyedHash } from './keyed-hash.js';
import { ADDRESS_CELLS, type AddressCount } from './layout.js';

/** The two hashes by which the cells of an address are found. */
export interface AddressKey {
  readonly low: number;
  readonly high: number;
}

/** Makes the keys of addresses: the same ones in every thread, and clients cannot predict them. */
export function addressKeys(area: Area): (address: string) => AddressKey {
  const hash = new KeyedHash(area.words('rateSecret'));
  return (address) => {
    hash.of(0, address);
    return { low: hash.low, high: hash.high };
  };
}

/** One count by address, as one thread uses it. */
export class AddressCells {
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #rows: number;
  readonly #own: number;
  readonly #mask: number;
  /** Where this count begins in the row of a thread. */
  readonly #first: number;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, name: AddressCount) {
    const { words, stride, rows } = area.table('workerAddressHeld');
    this.#words = words;
    this.#stride = stride;
    this.#rows = rows;
    this.#own = slot * stride;
    this.#mask = ADDRESS_CELLS[name] - 1;
    const names = Object.keys(ADDRESS_CELLS) as AddressCount[];
    const before = names.slice(0, names.indexOf(name));
    this.#first = 2 * before.reduce((sum, other) => sum + ADDRESS_CELLS[other], 0);
  }

  /**
   * Takes `amount` units for an address, all or none.
   * @param most units that the address may hold in all threads together
   * @returns false when they would become more than `most`; nothing is taken then
   */
  take(key: AddressKey, amount: number, most: number): boolean {
    this.add(key, amount);
    if (this.held(key) <= most) return true;
    this.add(key, -amount);
    return false;
  }

  give(key: AddressKey, amount: number): void {
    this.add(key, -amount);
  }

  /** Adds to the count of an address without checking a bound. A negative amount releases units. */
  add({ low, high }: AddressKey, amount: number): void {
    Atomics.add(this.#words, this.#own + this.#cell(low), amount);
    Atomics.add(this.#words, this.#own + this.#cell(high) + this.#mask + 1, amount);
  }

  /** The units that an address holds in all threads; sometimes more, because addresses may share cells. */
  held({ low, high }: AddressKey): number {
    return Math.min(this.#sum(this.#cell(low)), this.#sum(this.#cell(high) + this.#mask + 1));
  }

  /** The sum of all other threads, cell by cell. */
  othersNow(): Int32Array {
    const cells = new Int32Array(2 * (this.#mask + 1));
    for (let row = 0; row < this.#rows; row++) {
      const first = row * this.#stride;
      if (first === this.#own) continue;
      for (const index of cells.keys()) {
        cells[index]! += Atomics.load(this.#words, first + this.#first + index);
      }
    }
    return cells;
  }

  /** Replaces all that this thread has counted. @param cells as many as `othersNow` returns */
  replaceOwn(cells: Int32Array): void {
    for (const [index, count] of cells.entries()) {
      Atomics.store(this.#words, this.#own + this.#first + index, count);
    }
  }

  /** Sets the cells of a lost thread to 0. Call it when none of its code can run any more. */
  clear(): void {
    const first = this.#own + this.#first;
    this.#words.fill(0, first, first + 2 * (this.#mask + 1));
  }

  #cell(hash: number): number {
    return this.#first + (hash & this.#mask);
  }

  #sum(cell: number): number {
    let sum = 0;
    for (let row = 0; row < this.#rows; row++) {
      sum = (sum + Atomics.load(this.#words, row * this.#stride + cell)) | 0;
    }
    return sum;
  }
}
