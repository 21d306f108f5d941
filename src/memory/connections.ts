// Open connections of the data plane in the whole process, bounded: one word that every worker adds to.
import type { Block } from './block.js';

/** Never more than `limit` admitted at once over all threads. */
export class Connections {
  readonly #total: Int32Array;
  readonly #own: Int32Array;
  readonly #limit: number;

  /** @param slot of the worker, whose own count this is the one writer of */
  constructor(block: Block, slot: number, limit: number) {
    this.#total = block.words('processConnections');
    this.#own = block.words('workerConnections', slot);
    this.#limit = limit;
  }

  /** Over all threads. */
  get total(): number {
    return Atomics.load(this.#total, 0);
  }

  /** False: at the limit, nothing was taken. */
  enter(): boolean {
    if (Atomics.add(this.#total, 0, 1) >= this.#limit) {
      Atomics.sub(this.#total, 0, 1);
      return false;
    }
    Atomics.add(this.#own, 0, 1);
    return true;
  }

  leave(): void {
    Atomics.sub(this.#own, 0, 1);
    Atomics.sub(this.#total, 0, 1);
  }
}

/** Gives back what a lost worker held. Call before `clearWorker`, when none of its code can run any more. */
export function reclaimConnections(block: Block, slot: number): void {
  const held = Atomics.exchange(block.words('workerConnections', slot), 0, 0);
  Atomics.sub(block.words('processConnections'), 0, held);
}

/** Open connections of the data plane, over all threads. */
export function readConnections(block: Block): number {
  return Atomics.load(block.words('processConnections'), 0);
}
