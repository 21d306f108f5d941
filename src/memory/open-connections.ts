// The number of open connections of the data plane in the whole process, which has a bound.
import type { Block } from './block.js';
import { PermitLedger, takenByThread } from './permit-ledger.js';

/** The ledger has one count, with this number. */
const OPEN = 0;

export const connectionLedger = (block: Block, slot: number): PermitLedger =>
  new PermitLedger(block, slot, { totals: 'processConnections', own: 'workerConnections' });

/** Admits connections of one thread, never more than `limit` at once over all threads. */
export class Connections {
  readonly #ledger: PermitLedger;
  readonly #limit: number;

  constructor(block: Block, slot: number, limit: number) {
    this.#ledger = connectionLedger(block, slot);
    this.#limit = limit;
  }

  /** Open connections over all threads. */
  get total(): number {
    return this.#ledger.held(OPEN);
  }

  /** Takes a permit for a connection. @returns false at the limit; then nothing is taken */
  enter(): boolean {
    return this.#ledger.take(OPEN, 1, this.#limit);
  }

  leave(): void {
    this.#ledger.give(OPEN, 1);
  }
}

/** Releases what a lost worker held. Call it when none of its code can run any more. */
export function reclaimConnections(block: Block, slot: number): void {
  connectionLedger(block, slot).reclaim();
}

/**
 * @returns a function that reads the number of open connections over all threads. Keep it, because making it
 *   allocates
 */
export function openConnections(block: Block): () => number {
  const ledger = connectionLedger(block, 0);
  return () => ledger.held(OPEN);
}

/** Open connections of the data plane, over all threads, at this moment. */
export const readConnections = (block: Block): number => openConnections(block)();

/**
 * @returns a function that reads how many connections all threads have opened since the process began. Keep
 *   it, because making it allocates
 */
export function openedConnections(block: Block): () => number {
  const { rows } = block.table('workerConnections');
  const own = Array.from({ length: rows }, (_, slot) => block.words('workerConnections', slot));
  return () => own.reduce((sum, words) => sum + takenByThread(words), 0);
}
