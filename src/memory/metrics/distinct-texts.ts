// Tells texts apart that were added before from new ones, without keeping them: of each text it has a hash of
// 64 bits. Two of a million texts have the same one with a probability of 1 to 37 million. The hash is keyed,
// because clients choose texts.
import { fillSecret, KeyedHash } from '../keyed-hash.js';

/** The hashes are in many small tables, so that the growth of a table never takes long. */
const TABLES = 256;
const FIRST_ROOM = 16;

export class DistinctTexts {
  readonly #hash: KeyedHash;
  readonly #tables: Table[] = [];

  constructor() {
    const secret = new Int32Array(2);
    fillSecret(secret);
    this.#hash = new KeyedHash(secret);
  }

  /** @returns whether the text is new */
  add(text: string): boolean {
    this.#hash.of(0, text);
    const { low, high } = this.#hash;
    const at = high & (TABLES - 1);
    let table = this.#tables[at];
    if (table === undefined) {
      table = new Table();
      this.#tables[at] = table;
    }
    return table.add(low, high);
  }
}

/** A hash table with open addressing, at most half full. Both words of a free place are 0. */
class Table {
  #words = new Int32Array(2 * FIRST_ROOM);
  #size = 0;

  add(low: number, high: number): boolean {
    // The one hash that looks like a free place is replaced by another one.
    const [one, other] = low === 0 && high === 0 ? [1, 0] : [low, high];
    const at = this.#find(one, other);
    if (this.#isTaken(at)) return false;
    this.#put(at, one, other);
    if (++this.#size * 4 >= this.#words.length) this.#grow();
    return true;
  }

  /** The place of a hash, or the free one where it belongs. */
  #find(low: number, high: number): number {
    const words = this.#words;
    const mask = words.length / 2 - 1;
    let place = low & mask;
    while (words[2 * place] !== low || words[2 * place + 1] !== high) {
      if (!this.#isTaken(place)) return place;
      place = (place + 1) & mask;
    }
    return place;
  }

  #isTaken(place: number): boolean {
    return this.#words[2 * place] !== 0 || this.#words[2 * place + 1] !== 0;
  }

  #put(place: number, low: number, high: number): void {
    this.#words[2 * place] = low;
    this.#words[2 * place + 1] = high;
  }

  #grow(): void {
    const before = this.#words;
    this.#words = new Int32Array(2 * before.length);
    for (let at = 0; at < before.length; at += 2) {
      const [low, high] = [before[at]!, before[at + 1]!];
      if (low !== 0 || high !== 0) this.#put(this.#find(low, high), low, high);
    }
  }
}
