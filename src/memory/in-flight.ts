// Requests in flight in the whole process, bounded: one word that every worker adds to.
import type { Block } from './block.js';

/** Never more than `limit` admitted at once over all threads: who adds past it takes it back and is refused. */
export class InFlight {
  readonly #total: Int32Array;
  readonly #limit: number;

  constructor(block: Block, limit: number) {
    this.#total = block.words('processInFlight');
    this.#limit = limit;
  }

  enter(): boolean {
    if (Atomics.add(this.#total, 0, 1) < this.#limit) return true;
    Atomics.sub(this.#total, 0, 1);
    return false;
  }

  leave(): void {
    Atomics.sub(this.#total, 0, 1);
  }

  get current(): number {
    return Atomics.load(this.#total, 0);
  }
}

/** Gives back what a lost worker held. Call before `clearWorker`, when none of its code can run any more. */
export function reclaimInFlight(block: Block, slot: number): void {
  const held = Atomics.exchange(block.words('workerInFlight', slot), 0, 0);
  Atomics.sub(block.words('processInFlight'), 0, held);
}
