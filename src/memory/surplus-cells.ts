// How many of its connections a thread is to give up because it has more than its share. Two words for each
// thread, each with one writer: the primary writes up to how many the thread may give up since it began, the
// thread how many it has given up. What is left is the difference, so an order that comes again, or is taken
// back, never counts twice.
//
// One word for all threads: with more open connections than that in the process, none is given up. New
// clients may come between two looks of the primary, and where a connection is given up its client has to
// find a place again.
import type { Table } from './area.js';
import type { Block } from './block.js';
import { openConnections } from './open-connections.js';
import { heldByThread } from './permit-ledger.js';

/** A worker's side. */
export class Surplus {
  readonly #ordered: Int32Array;
  readonly #given: Int32Array;
  readonly #mostOpen: Int32Array;
  readonly #open: () => number;

  /** @param slot row of the worker */
  constructor(block: Block, slot: number) {
    this.#ordered = block.words('workerSurplus', slot);
    this.#given = block.words('workerSurplusGiven', slot);
    this.#mostOpen = block.words('surplusMostOpen');
    this.#open = openConnections(block);
  }

  /**
   * Takes one connection of those that are to be given up. Asked for each response: two plain loads while
   * there is none to give up (wide.ts explains why that is enough).
   * @returns false when there is none, or when too many are open in the process
   */
  take(): boolean {
    const given = this.#given[0]!;
    if (((this.#ordered[0]! - given) | 0) <= 0 || this.#open() > this.#mostOpen[0]!) return false;
    this.#given[0] = given + 1;
    return true;
  }
}

/** The primary's side. */
export class SurplusOrders {
  readonly #ordered: Table;
  readonly #given: Table;
  readonly #mostOpen: Int32Array;
  readonly #connections: readonly Int32Array[];

  constructor(block: Block) {
    this.#ordered = block.table('workerSurplus');
    this.#given = block.table('workerSurplusGiven');
    this.#mostOpen = block.words('surplusMostOpen');
    this.#connections = Array.from({ length: this.#given.rows }, (_, slot) =>
      block.words('workerConnections', slot),
    );
  }

  /** Open connections of the thread in this slot. */
  connections(slot: number): number {
    return heldByThread(this.#connections[slot]!);
  }

  /** Connections that the thread in this slot has given up since it began; wraps around at 2^32. */
  given(slot: number): number {
    return Atomics.load(this.#given.words, slot * this.#given.stride);
  }

  /** While more connections than this are open in the process, no thread closes a surplus one. */
  closeUpTo(mostOpen: number): void {
    Atomics.store(this.#mostOpen, 0, mostOpen);
  }

  /**
   * Orders the thread in this slot to close this number of connections from now on. An earlier order that is
   * not done yet is void.
   */
  order(slot: number, connections: number): void {
    Atomics.store(this.#ordered.words, slot * this.#ordered.stride, (this.given(slot) + connections) | 0);
  }
}
