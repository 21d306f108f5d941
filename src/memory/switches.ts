// Runtime switches: set by the primary, seen by every worker on its next request.
import type { Block } from './block.js';

export class Switches {
  readonly #draining: Int32Array;

  constructor(block: Block) {
    this.#draining = block.words('processDraining');
  }

  get draining(): boolean {
    return Atomics.load(this.#draining, 0) === 1;
  }

  set draining(value: boolean) {
    Atomics.store(this.#draining, 0, value ? 1 : 0);
  }
}
