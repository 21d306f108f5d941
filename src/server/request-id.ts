// `x-request-id`: the caller's when it is harmless in logs and headers, else ours: a random prefix of this
// App and a counter, which is unique like a random id and costs nearly nothing.
import { randomBytes } from 'node:crypto';

const ACCEPTED = /^[A-Za-z0-9._-]{1,64}$/;

const RADIX = 32;
/** The last two digits of the counter: looked up, they cost a tenth of being written. */
const LAST_DIGITS = Array.from({ length: RADIX ** 2 }, (_, n) => n.toString(RADIX).padStart(2, '0'));

export class RequestIds {
  readonly #prefix: string;
  #next = 0;
  /** Of the ids with the same first digits. */
  #first = '';

  /** @param prefix unique among all that hand out ids, within `[A-Za-z0-9._-]{1,48}` */
  constructor(prefix = `${randomBytes(6).toString('hex')}-`) {
    this.#prefix = prefix;
  }

  /** @param incoming what the caller sent, if anything */
  accept(incoming: string | undefined): string {
    if (incoming !== undefined && ACCEPTED.test(incoming)) return incoming;
    const last = this.#next % LAST_DIGITS.length;
    if (last === 0) this.#first = this.#prefix + (this.#next / LAST_DIGITS.length).toString(RADIX);
    this.#next++;
    return this.#first + LAST_DIGITS[last]!;
  }
}
