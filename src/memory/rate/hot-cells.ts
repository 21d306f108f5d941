// Keys of limits over several processes that are refused here, while other processes may have some of them
// left. A worker notes the keys that it refuses in cells of its own; those that are refused most stay there
// (J. Misra and D. Gries, "Finding repeated elements", Science of Computer Programming 1982). The primary
// chooses a bounded number of keys, publishes them with the share, and gives each a slot in which all workers
// count.
import type { Area } from '../area.js';
import type { Block } from '../block.js';
import { REFUSED_CELLS, REFUSED_WORDS } from '../layout.js';

/** A key with the numbers of its limit. */
export interface RefusedKey {
  /** The hash of the key. */
  readonly low: number;
  readonly high: number;
  /** The distance of two admissions of the whole limit, in units of rate-row.ts. */
  readonly interval: number;
  readonly burst: number;
}

/**
 * Words of a cell. The weight is 0 while the others are written, and the count grows whenever the key in the
 * cell was refused.
 */
const [WEIGHT, LOW, HIGH, INTERVAL, BURST, COUNT] = [0, 1, 2, 3, 4, 5];
const MOST_WEIGHT = 1 << 30;

/** What one worker notes. */
export class RefusedCells {
  readonly #words: Int32Array;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number) {
    this.#words = area.words('workerRefused', slot);
  }

  note(low: number, high: number, interval: number, burst: number): void {
    const words = this.#words;
    const cell = (high & (REFUSED_CELLS - 1)) * REFUSED_WORDS;
    const weight = words[cell + WEIGHT]!;
    if (weight > 0 && words[cell + LOW] === low && words[cell + HIGH] === high) {
      Atomics.store(words, cell + WEIGHT, Math.min(weight + 1, MOST_WEIGHT));
      Atomics.add(words, cell + COUNT, 1);
      return;
    }
    if (weight > 1) {
      Atomics.store(words, cell + WEIGHT, weight - 1);
      return;
    }
    Atomics.store(words, cell + WEIGHT, 0);
    Atomics.store(words, cell + LOW, low);
    Atomics.store(words, cell + HIGH, high);
    Atomics.store(words, cell + INTERVAL, interval);
    Atomics.store(words, cell + BURST, burst);
    Atomics.add(words, cell + COUNT, 1);
    Atomics.store(words, cell + WEIGHT, 1);
  }
}

/** Counts of hot keys, by their slots: what was asked for, and what was refused. */
export class HotCounts {
  readonly #words: Int32Array;

  constructor(area: Area) {
    this.#words = area.words('hotCounts');
  }

  /** @param slot that may have been given to another key meanwhile */
  count(slot: number, isRefused: boolean): void {
    Atomics.add(this.#words, 2 * slot, 1);
    if (isRefused) Atomics.add(this.#words, 2 * slot + 1, 1);
  }

  /** Modulo 2^32. */
  asked(slot: number): number {
    return Atomics.load(this.#words, 2 * slot);
  }

  /** Modulo 2^32. */
  refused(slot: number): number {
    return Atomics.load(this.#words, 2 * slot + 1);
  }
}

/** Reads what all workers have noted; only the primary does so. */
export class RefusedKeys {
  readonly #rows: readonly Int32Array[];
  /** The counts at the last reading. */
  readonly #before: Int32Array;

  constructor(block: Block) {
    this.#rows = Array.from({ length: block.workers + 1 }, (_, slot) => block.words('workerRefused', slot));
    this.#before = new Int32Array(this.#rows.length * REFUSED_CELLS);
  }

  /** The keys that were refused since the last call, as far as they are in the cells. */
  read(): readonly RefusedKey[] {
    const keys: RefusedKey[] = [];
    for (const [row, words] of this.#rows.entries()) {
      for (let cell = 0; cell < REFUSED_CELLS; cell++) {
        const index = row * REFUSED_CELLS + cell;
        const count = Atomics.load(words, cell * REFUSED_WORDS + COUNT);
        const key = count === this.#before[index] ? undefined : keyIn(words, cell * REFUSED_WORDS, count);
        if (key === undefined) continue;
        this.#before[index] = count;
        keys.push(key);
      }
    }
    return keys;
  }
}

/** The key in a cell, unless it is being written, or was while it was read. */
function keyIn(words: Int32Array, cell: number, count: number): RefusedKey | undefined {
  if (Atomics.load(words, cell + WEIGHT) === 0) return undefined;
  const [low, high, interval, burst] = [LOW, HIGH, INTERVAL, BURST].map((word) =>
    Atomics.load(words, cell + word),
  ) as [number, number, number, number];
  const isWhole = Atomics.load(words, cell + WEIGHT) !== 0 && Atomics.load(words, cell + COUNT) === count;
  return isWhole && interval > 0 && burst > 0 ? { low, high, interval, burst } : undefined;
}
