// Runtime switches: set by the primary, seen by every worker on its next request.
import type { Block } from './block.js';

export class Switches {
  readonly #draining: Int32Array;
  readonly #ready: Int32Array;

  constructor(block: Block) {
    this.#draining = block.words('processDraining');
    this.#ready = block.words('processReady');
  }

  /** True from the first moment of a drain of the process. */
  get draining(): boolean {
    return Atomics.load(this.#draining, 0) === 1;
  }

  set draining(value: boolean) {
    Atomics.store(this.#draining, 0, value ? 1 : 0);
  }

  /** What `/readyz` says now. */
  get ready(): boolean {
    return Atomics.load(this.#ready, 0) === 1;
  }

  set ready(value: boolean) {
    Atomics.store(this.#ready, 0, value ? 1 : 0);
  }
}
