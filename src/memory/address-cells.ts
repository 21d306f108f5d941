// How much each client address holds of a quota, over all threads, in memory of a fixed size. Every thread counts in
// cells of its own, so there is one writer per cell; the amount of an address is the sum of its cells over all threads.
//
// An address has two cells, chosen by a hash with a secret key, and the smaller sum of the two is what counts: a
// count-min sketch (G. Cormode and S. Muthukrishnan, 2005) with two rows. Addresses that share a cell only make the sum
// larger, so an address never holds more than it may. It may be refused early when both of its cells are shared with
// addresses that hold much: beside two addresses at their bound the chance is (2 / 1024)^2, or 4 in a million.
//
// Exactness: a thread adds first and then reads all threads. Of two threads that add at the same time at least one sees
// the other, so both together never pass the bound; at the bound both may see each other and both give up.
import type { Area } from './area.js';
import { KeyedHash } from './keyed-hash.js';
import { ADDRESS_CELLS, QUOTAS, type QuotaName } from './layout.js';

/** An address as the cells know it. */
export interface AddressKey {
  readonly low: number;
  readonly high: number;
}

/** Makes keys that strangers cannot predict, the same ones in every thread. */
export function addressKeys(area: Area): (address: string) => AddressKey {
  const hash = new KeyedHash(area.words('rateSecret'));
  return (address) => {
    hash.of(0, address);
    return { low: hash.low, high: hash.high };
  };
}

/** The addresses of one quota, as one thread counts them. */
export class AddressCells {
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #rows: number;
  readonly #own: number;
  readonly #mask: number;
  /** Where this quota begins in the row of a thread. */
  readonly #first: number;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, name: QuotaName) {
    const { words, stride, rows } = area.table('workerAddressHeld');
    this.#words = words;
    this.#stride = stride;
    this.#rows = rows;
    this.#own = slot * stride;
    this.#mask = ADDRESS_CELLS[name] - 1;
    const before = QUOTAS.slice(0, QUOTAS.indexOf(name));
    this.#first = 2 * before.reduce((sum, other) => sum + ADDRESS_CELLS[other], 0);
  }

  /**
   * Takes `amount` units for an address, all or none.
   * @param most units that the address may hold in all threads together
   * @returns false when they would become more than `most`; nothing is taken then
   */
  take({ low, high }: AddressKey, amount: number, most: number): boolean {
    const [one, other] = [this.#cell(low), this.#cell(high) + this.#mask + 1];
    this.#add(one, other, amount);
    if (this.#sum(one) <= most || this.#sum(other) <= most) return true;
    this.#add(one, other, -amount);
    return false;
  }

  give({ low, high }: AddressKey, amount: number): void {
    this.#add(this.#cell(low), this.#cell(high) + this.#mask + 1, -amount);
  }

  /** Units of an address in all threads, or a little more. */
  held({ low, high }: AddressKey): number {
    return Math.min(this.#sum(this.#cell(low)), this.#sum(this.#cell(high) + this.#mask + 1));
  }

  #cell(hash: number): number {
    return this.#first + (hash & this.#mask);
  }

  #add(one: number, other: number, amount: number): void {
    Atomics.add(this.#words, this.#own + one, amount);
    Atomics.add(this.#words, this.#own + other, amount);
  }

  #sum(cell: number): number {
    let sum = 0;
    for (let row = 0; row < this.#rows; row++) sum += Atomics.load(this.#words, row * this.#stride + cell);
    return sum;
  }
}
