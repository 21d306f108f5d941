// `x-request-id`: the caller's when it is harmless in logs and headers, else ours: a random prefix of this
// App and a counter, which is unique like a random id and costs nearly nothing.
import { randomBytes } from 'node:crypto';

const ACCEPTED = /^[A-Za-z0-9._-]{1,64}$/;

export class RequestIds {
  readonly #prefix: string;
  #next = 0;

  /** @param prefix unique among all that hand out ids, within `[A-Za-z0-9._-]{1,48}` */
  constructor(prefix = `${randomBytes(6).toString('hex')}-`) {
    this.#prefix = prefix;
  }

  /** @param incoming what the caller sent, if anything */
  accept(incoming: string | undefined): string {
    if (incoming !== undefined && ACCEPTED.test(incoming)) return incoming;
    return this.#prefix + (this.#next++).toString(36);
  }
}
