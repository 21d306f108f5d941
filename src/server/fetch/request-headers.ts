// The `headers` of a request that an application of the fetch standard serves. Fields are looked up in the
// list that has arrived: a `Headers` of Node.js takes 5 us, and most applications read two or three fields.
import { isVisible, type Peer } from '../request-fields.js';
import { byteString } from '../response/field-octets.js';
import { isToken } from '../response/token.js';
import { natives, standFor } from './native.js';

/** The fields of a request. */
export interface ArrivedFields extends Peer {
  readonly exchange: {
    readonly head: {
      /** A flat list: name, value, name, value… Names are in lower case. */
      readonly headers: readonly string[];
    };
  };
}

export class RequestHeaders {
  readonly #fields: ArrivedFields;
  /** Has the fields, once they were listed or changed. */
  #native: Headers | undefined;

  constructor(fields: ArrivedFields) {
    this.#fields = fields;
  }

  static nativeOf(headers: RequestHeaders): Headers {
    headers.#native ??= headers.#made();
    return headers.#native;
  }

  #made(): Headers {
    const made = new (natives().Headers)();
    const list = this.#fields.exchange.head.headers;
    for (let i = 0; i < list.length; i += 2)
      if (isVisible(list[i]!, this.#fields)) made.append(list[i]!, byteString(list[i + 1]!));
    return made;
  }

  get(name: string): string | null {
    if (this.#native !== undefined || typeof name !== 'string' || !isToken(name))
      return RequestHeaders.nativeOf(this).get(name);
    const wanted = name.toLowerCase();
    if (!isVisible(wanted, this.#fields)) return null;
    const list = this.#fields.exchange.head.headers;
    let found: string | null = null;
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] !== wanted) continue;
      const value = byteString(list[i + 1]!);
      found = found === null ? value : `${found}${wanted === 'cookie' ? '; ' : ', '}${value}`;
    }
    return found;
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  /** Call once in a thread, before the first instance is used. */
  static prepare(): void {
    standFor(RequestHeaders.prototype, natives().Headers.prototype, (headers) =>
      RequestHeaders.nativeOf(headers),
    );
  }
}
