// Runtime switches, which operators change while the process runs: the primary sets them, and every thread
// sees the new value when it reads the word, which costs one load. Each word always holds the value in
// effect, so readers need not know the settings.
import type { Block } from './block.js';

/**
 * The word for a sampling bound of 2^32, which does not fit into 32 bits. The bound of every share below 1 is
 * lower.
 */
const ALL = 0xffffffff;
const MILLION = 1_000_000;

/** The switches as any thread reads them. Only the primary sets them. */
export class Switches {
  readonly #draining: Int32Array;
  readonly #ready: Int32Array;
  readonly #logLevel: Int32Array;
  readonly #samplingBound: Int32Array;
  readonly #requestLogShare: Int32Array;

  constructor(block: Block) {
    this.#draining = block.words('processDraining');
    this.#ready = block.words('processReady');
    this.#logLevel = block.words('logLevel');
    this.#samplingBound = block.words('samplingBound');
    this.#requestLogShare = block.words('requestLogShare');
  }

  /** True from the first moment of a drain of the process. */
  get draining(): boolean {
    return Atomics.load(this.#draining, 0) === 1;
  }

  set draining(value: boolean) {
    Atomics.store(this.#draining, 0, value ? 1 : 0);
  }

  /** The result of `/readyz` now. */
  get ready(): boolean {
    return Atomics.load(this.#ready, 0) === 1;
  }

  set ready(value: boolean) {
    Atomics.store(this.#ready, 0, value ? 1 : 0);
  }

  /** The lowest level of log lines that are written. */
  get logLevel(): number {
    return Atomics.load(this.#logLevel, 0);
  }

  set logLevel(value: number) {
    Atomics.store(this.#logLevel, 0, value);
  }

  /**
   * The share of traces that are kept, as a bound from 0 to 2^32: a trace is kept when the random word of its
   * id is below the bound.
   */
  get samplingBound(): number {
    const bound = Atomics.load(this.#samplingBound, 0) >>> 0;
    return bound === ALL ? 2 ** 32 : bound;
  }

  set samplingBound(value: number) {
    Atomics.store(this.#samplingBound, 0, Math.min(value, ALL));
  }

  /** The share of requests that are logged, 0 to 1 in millionths. A share above 0 is at least a millionth. */
  get requestLogShare(): number {
    return Atomics.load(this.#requestLogShare, 0) / MILLION;
  }

  set requestLogShare(value: number) {
    Atomics.store(this.#requestLogShare, 0, Math.ceil(value * MILLION));
  }
}
