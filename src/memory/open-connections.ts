// Open connections of the data plane in the whole process, bounded.
import type { Block } from './block.js';
import { PermitLedger, takenByThread } from './permit-ledger.js';

/** The one count of the ledger. */
const OPEN = 0;

export const connectionLedger = (block: Block, slot: number): PermitLedger =>
  new PermitLedger(block, slot, { totals: 'processConnections', own: 'workerConnections' });

/** Never more than `limit` admitted at once over all threads. */
export class Connections {
  readonly #ledger: PermitLedger;
  readonly #limit: number;

  constructor(block: Block, slot: number, limit: number) {
    this.#ledger = connectionLedger(block, slot);
    this.#limit = limit;
  }

  /** Over all threads. */
  get total(): number {
    return this.#ledger.held(OPEN);
  }

  /** False: at the limit, nothing was taken. */
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

/** Open connections of the data plane, over all threads. Call what it returns: making it allocates. */
export function openConnections(block: Block): () => number {
  const ledger = connectionLedger(block, 0);
  return () => ledger.held(OPEN);
}

/** Open connections of the data plane, over all threads, at this moment. */
export const readConnections = (block: Block): number => openConnections(block)();

/** Connections that all threads have opened, for ever. Call what it returns: making it allocates. */
export function openedConnections(block: Block): () => number {
  const { rows } = block.table('workerConnections');
  const own = Array.from({ length: rows }, (_, slot) => block.words('workerConnections', slot));
  return () => own.reduce((sum, words) => sum + takenByThread(words), 0);
}
