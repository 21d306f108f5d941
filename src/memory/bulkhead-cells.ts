// Bounded numbers of things at once, each by a name, counted over all threads: whoever says the same name counts in the
// same row. What each thread holds is counted, too, so that it can be given back if the thread is lost.
import type { Area } from './area.js';
import { BulkheadLine } from './bulkhead-line.js';
import { type Clock, sharedClock } from './clock.js';
import { type Named, NameTable } from './names.js';

/** One of them, as one thread uses it. */
export interface Permits {
  /** False: so many are held already; nothing was taken. */
  enter(most: number): boolean;
  leave(): void;
  /** Held in all threads. */
  readonly held: number;
  readonly line: BulkheadLine;
}

export interface BulkheadUsage extends Pick<Named, 'name' | 'terms'> {
  readonly held: number;
}

export class BulkheadCells {
  readonly #names: NameTable;
  readonly #held: Int32Array;
  readonly #own: Int32Array;
  readonly #ownBase: number;
  readonly #stride: number;
  readonly #known = new Map<string, Permits>();
  readonly #area: Area;
  readonly #slot: number;
  readonly #clock: Clock;

  /** @param slot row of the thread */
  constructor(area: Area, slot: number, clock: Clock = sharedClock(area)) {
    this.#area = area;
    this.#slot = slot;
    this.#clock = clock;
    this.#names = new NameTable(area, 'bulkhead');
    const { words, stride, rows } = area.table('bulkheadHeld');
    this.#held = words;
    this.#stride = stride;
    this.#own = area.table('workerBulkheadHeld').words;
    this.#ownBase = slot * rows;
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

  /** As `NameTable.agree`. */
  agree(name: string, terms: readonly number[], replace: boolean): boolean {
    return this.#names.agree(this.#names.rowOf(name), terms, replace);
  }

  #permits(name: string): Permits {
    const row = this.#names.rowOf(name);
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
      line: new BulkheadLine(this.#area, this.#slot, row, this.#clock),
    };
  }

  /** All names and how many each holds. */
  usage(): BulkheadUsage[] {
    return this.#names
      .list()
      .map(({ row, name, terms }) => ({ name, held: Atomics.load(this.#held, row * this.#stride), terms }));
  }
}

/** Gives back what a lost worker held. Call when none of its code can run any more. */
export function reclaimBulkheads(area: Area, slot: number): void {
  const { words, stride, rows } = area.table('bulkheadHeld');
  const own = area.table('workerBulkheadHeld').words;
  for (let row = 0; row < rows; row++) {
    new BulkheadLine(area, slot, row, () => 0).rest();
    const held = Atomics.exchange(own, slot * rows + row, 0);
    if (held !== 0) Atomics.sub(words, row * stride, held);
  }
}
