// How many of its connections a worker is to close because it has more than its share (cluster/rebalance.ts).
// There are two words for each thread, each with one writer. Both count from the start of the thread: the
// primary writes how many connections the thread may close in all, and the thread writes how many it has
// closed. The difference is what is left to close, so an order that is repeated or withdrawn is never counted
// twice.
//
// One more word is shared by all threads: while more connections than this number are open in the process, no
// thread closes one. The client of a closed connection has to connect again, and near the limit of
// connections it could be refused because new clients have come first.
import type { Table } from './area.js';
import type { Block } from './block.js';
import { openConnections } from './open-connections.js';
import { heldByThread } from './permit-ledger.js';

/** The surplus as a worker uses it. */
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
   * Whether the worker has to close the connection of this response; it then counts as closed. Called for
   * each response, so it costs two plain loads as long as there is nothing to close (wide.ts explains why
   * plain loads are enough).
   * @returns false when there is none to close, or when too many are open in the process
   */
  take(): boolean {
    const given = this.#given[0]!;
    if (((this.#ordered[0]! - given) | 0) <= 0 || this.#open() > this.#mostOpen[0]!) return false;
    this.#given[0] = given + 1;
    return true;
  }
}

/** The surplus as the primary uses it. */
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

  /** Connections that the thread in this slot has closed since it began; the number wraps around at 2^32. */
  given(slot: number): number {
    return Atomics.load(this.#given.words, slot * this.#given.stride);
  }

  /** While more connections than this are open in the process, no thread closes a surplus one. */
  closeUpTo(mostOpen: number): void {
    Atomics.store(this.#mostOpen, 0, mostOpen);
  }

  /**
   * Orders the thread in this slot to close this number of connections from now on. It replaces an earlier
   * order.
   */
  order(slot: number, connections: number): void {
    Atomics.store(this.#ordered.words, slot * this.#ordered.stride, (this.given(slot) + connections) | 0);
  }
}
