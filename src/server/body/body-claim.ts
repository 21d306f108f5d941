// What the body of one request holds of the process: its place among the bodies that are on their way, and
// the memory of the bytes that have arrived. Both are bounded for all workers together, and for one client
// address by half of that.
import type { AddressKey } from '../../memory/address-cells.js';
import type { RequestQuotas } from '../request-observer.js';

/**
 * Below this many bytes a body that arrives at once is counted for no address: asking for the address costs
 * more.
 */
const LOOSE_BYTES = 16 * 1024;

export class BodyClaim {
  readonly #quotas: RequestQuotas;
  readonly #keyOf: () => AddressKey;
  #isWaiting = false;
  /** Bytes that are counted for no address, and for the client's. */
  #looseBytes = 0;
  #bytes = 0;

  /** @param keyOf the client's address; asked for only when something is counted for it */
  constructor(quotas: RequestQuotas, keyOf: () => AddressKey) {
    this.#quotas = quotas;
    this.#keyOf = keyOf;
  }

  /** Bytes that all bodies of one client address may hold. */
  get most(): number {
    return this.#quotas.bodyBytes.mostShare;
  }

  /** The rest of the body is on its way. False: too many are; nothing was taken. */
  wait(): boolean {
    if (!this.#isWaiting) this.#isWaiting = this.#quotas.bodies.take(1, this.#keyOf());
    return this.#isWaiting;
  }

  /** Nothing more of the body is waited for. */
  arrived(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#quotas.bodies.give(1, this.#keyOf());
  }

  /** Takes memory for so many bytes more. False: there is too little; nothing was taken. */
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

  /** The bytes are no longer held here. */
  releaseBytes(): void {
    const { bodyBytes } = this.#quotas;
    if (this.#looseBytes > 0) bodyBytes.giveLoose(this.#looseBytes);
    if (this.#bytes > 0) bodyBytes.give(this.#bytes, this.#keyOf());
    this.#looseBytes = 0;
    this.#bytes = 0;
  }

  release(): void {
    this.arrived();
    this.releaseBytes();
  }
}
