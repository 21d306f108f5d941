// How many connections each client address has open, or a few more. The core reports the address of a
// connection that opens, but not that of one that closes. So each worker counts every connection that opens
// and never counts down, and the primary now and then counts the connections that exist, in the tables of the
// kernel (a census). Together they give a number that is never too small: the census, and what has opened
// since it began. Instead of a count by address the census may publish the number of all connections, because
// no address has more.
//
// A connection that has closed since the last count still counts. So a worker asks for a count before that
// number is large enough to refuse an address, and the primary counts at once.
//
// The primary's row holds the difference, so that a sum over all rows is that number: what it has counted,
// less all that the workers had counted when it began. Cells wrap around at 2^32, sums and differences with
// them.
import { AddressCells, type AddressKey } from './address-cells.js';
import type { Area } from './area.js';
import { ADDRESS_CELLS } from './layout.js';

const CELLS = ADDRESS_CELLS.connections;

/** The counts as a worker uses them. */
export class ConnectionShares {
  readonly #cells: AddressCells;
  readonly #asked: Int32Array;

  /** @param slot row of the worker */
  constructor(area: Area, slot: number) {
    this.#cells = new AddressCells(area, slot, 'connections');
    this.#asked = area.words('connectionCensusAsked');
  }

  /** The open connections of an address; sometimes a few more, but never fewer. */
  of(key: AddressKey): number {
    return this.#cells.held(key);
  }

  opened(key: AddressKey): void {
    this.#cells.add(key, 1);
  }

  /** Wakes the primary for a census. May be called on every connection. */
  askForCount(): void {
    if (Atomics.exchange(this.#asked, 0, 1) === 0) Atomics.notify(this.#asked, 0);
  }
}

/** The counts as the primary corrects them. */
export class ConnectionCensus {
  readonly #cells: AddressCells;
  readonly #asked: Int32Array;
  #before: Int32Array;

  constructor(area: Area) {
    this.#cells = new AddressCells(area, 0, 'connections');
    this.#asked = area.words('connectionCensusAsked');
    this.#before = this.#cells.othersNow();
  }

  /** Call it before counting: connections that open from now on are added to the result of the census. */
  begin(): void {
    Atomics.store(this.#asked, 0, 0);
    this.#before = this.#cells.othersNow();
  }

  /** @param counts open connections by address, each counted at some moment after `begin` */
  publish(counts: Iterable<readonly [AddressKey, number]>): void {
    const cells = this.#before.map((before) => -before);
    for (const [{ low, high }, count] of counts) {
      cells[low & (CELLS - 1)]! += count;
      cells[(high & (CELLS - 1)) + CELLS]! += count;
    }
    this.#cells.replaceOwn(cells);
  }

  /**
   * @param all connections of all addresses together, read after `begin`. A worker adds a connection to this
   *   total before it calls `opened`
   */
  publishMost(all: number): void {
    this.#cells.replaceOwn(this.#before.map((before) => all - before));
  }
}

/**
 * Resolves when a worker has asked for a count since the last one began. It does not keep the process alive.
 */
export async function countAskedFor(area: Area): Promise<void> {
  await Atomics.waitAsync(area.words('connectionCensusAsked'), 0, 0).value;
}
