// `x-request-id`: the id that the client sent is kept when it is harmless in logs and headers. Otherwise the
// request gets an id of ours.
import { randomBytes, randomUUID } from 'node:crypto';

const ACCEPTED = /^[A-Za-z0-9._-]{1,64}$/;

const RADIX = 32;
/** The last two digits of the counter. Looking them up costs a tenth of formatting them. */
const LAST_DIGITS = Array.from({ length: RADIX ** 2 }, (_, n) => n.toString(RADIX).padStart(2, '0'));

/**
 * Ids of the requests of one App: a random prefix and a counter. They are as unique as random ids and cost
 * nearly nothing.
 */
export class RequestIds {
  readonly #prefix: string;
  #next = 0;
  /** The prefix and all digits of the counter but the last two. */
  #leading = '';
  /** The id that was made last. */
  #made = '';

  /** @param prefix unique among all instances; at most 48 characters of `[A-Za-z0-9._-]` */
  constructor(prefix = `${randomBytes(6).toString('hex')}-`) {
    this.#prefix = prefix;
  }

  /** @param incoming the id that the client sent, if any */
  accept(incoming: string | undefined): string {
    if (incoming !== undefined && ACCEPTED.test(incoming)) return incoming;
    const last = this.#next % LAST_DIGITS.length;
    if (last === 0) this.#leading = this.#prefix + (this.#next / LAST_DIGITS.length).toString(RADIX);
    this.#next++;
    this.#made = this.#leading + LAST_DIGITS[last]!;
    return this.#made;
  }

  get prefix(): string {
    return this.#prefix;
  }

  /**
   * The number of an id that `accept` has just returned, 1 for the first one; 0 for an id that a client has
   * sent. `numberedId` (flight-id.ts) makes the id of it again.
   */
  numberOf(id: string): number {
    return id === this.#made ? this.#next : 0;
  }
}

/**
 * The id of a request that the primary serves itself: on the admin plane, or on the data plane while there is
 * no worker. These requests are few, so a UUID is cheap enough.
 * @param incoming the id that the client sent, if any
 */
export function requestIdOf(incoming: string | undefined): string {
  return incoming !== undefined && ACCEPTED.test(incoming) ? incoming : randomUUID();
}
