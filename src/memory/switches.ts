// Runtime switches: set by the primary, seen by every thread the next time it looks, which costs one load.
// Each word always holds the value in effect, so readers need not know the settings.
import type { Block } from './block.js';

/** All bits set. The bound of a share below 1 is lower. */
const ALL = 0xffffffff;

export class Switches {
  readonly #draining: Int32Array;
  readonly #ready: Int32Array;
  readonly #logLevel: Int32Array;
  readonly #samplingBound: Int32Array;

  constructor(block: Block) {
    this.#draining = block.words('processDraining');
    this.#ready = block.words('processReady');
    this.#logLevel = block.words('logLevel');
    this.#samplingBound = block.words('samplingBound');
  }

  /** True from the first moment of a drain of the process. */
  get draining(): boolean {
    return Atomics.load(this.#draining, 0) === 1;
  }

  set draining(value: boolean) {
    Atomics.store(this.#draining, 0, value ? 1 : 0);
  }

  /** The present result of `/readyz`. */
  get ready(): boolean {
    return Atomics.load(this.#ready, 0) === 1;
  }

  set ready(value: boolean) {
    Atomics.store(this.#ready, 0, value ? 1 : 0);
  }

  /** Lines of a lower level are not written. */
  get logLevel(): number {
    return Atomics.load(this.#logLevel, 0);
  }

  set logLevel(value: number) {
    Atomics.store(this.#logLevel, 0, value);
  }

  /** 0 to 2^32: sampling words below it are kept. */
  get samplingBound(): number {
    const bound = Atomics.load(this.#samplingBound, 0) >>> 0;
    return bound === ALL ? 2 ** 32 : bound;
  }

  set samplingBound(value: number) {
    Atomics.store(this.#samplingBound, 0, Math.min(value, ALL));
  }
}
