// The share of the process's quotas that the body of one request holds: one of the pending bodies, and the
// memory of the bytes that have arrived. Both are bounded for all workers together, and one client address
// may hold half of each.
import type { AddressKey } from '../../memory/address-cells.js';
import type { RequestQuotas } from '../request-observer.js';

/**
 * A body that arrives at once and has at most this many bytes is counted for no address, because looking up
 * the address would cost more.
 */
const LOOSE_BYTES = 16 * 1024;

export class BodyClaim {
  readonly #quotas: RequestQuotas;
  readonly #keyOf: () => AddressKey;
  #isWaiting = false;
  /** Bytes that are counted for no address. */
  #looseBytes = 0;
  /** Bytes that are counted for the client's address. */
  #bytes = 0;

  /** @param keyOf returns the client's address; called only when something is counted for it */
  constructor(quotas: RequestQuotas, keyOf: () => AddressKey) {
    this.#quotas = quotas;
    this.#keyOf = keyOf;
  }

  /** The most bytes that all bodies of one client address may hold. */
  get most(): number {
    return this.#quotas.bodyBytes.mostShare;
  }

  /**
   * Counts the body as pending: the rest of it has not arrived.
   * @returns false when too many bodies are pending; nothing was counted
   */
  wait(): boolean {
    if (!this.#isWaiting) this.#isWaiting = this.#quotas.bodies.take(1, this.#keyOf());
    return this.#isWaiting;
  }

  /** Ends the count as pending: no more of the body is awaited. */
  arrived(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#quotas.bodies.give(1, this.#keyOf());
  }

  /**
   * Takes memory for further bytes.
   * @returns false when there is too little; nothing was taken
   */
  grow(bytes: number): boolean {
    const { bodyBytes } = this.#quotas;
    const isSmall = !this.#isWaiting && this.#bytes === 0 && this.#looseBytes + bytes <= LOOSE_BYTES;
    if (isSmall && bodyBytes.takeLoose(bytes)) {
      this.#looseBytes += bytes;
      return true;
    }
    if (!bodyBytes.take(bytes, this.#keyOf())) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Returns the memory: the bytes are no longer held here. */
  releaseBytes(): void {
    const { bodyBytes } = this.#quotas;
    if (this.#looseBytes > 0) bodyBytes.giveLoose(this.#looseBytes);
    if (this.#bytes > 0) bodyBytes.give(this.#bytes, this.#keyOf());
    this.#looseBytes = 0;
    this.#bytes = 0;
  }

  /** Returns everything. */
  release(): void {
    this.arrived();
    this.releaseBytes();
  }
}
