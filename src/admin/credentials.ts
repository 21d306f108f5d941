// Maps bearer tokens (RFC 6750) to what their holders may do on the admin plane.
import { createHash, timingSafeEqual } from 'node:crypto';

/** A token that opens only routes with access `delegate`, and only for the names in `grants`. */
export interface Delegate {
  readonly token: string;
  /** Names of services. */
  readonly grants: readonly string[];
}

export type Grants = 'all' | readonly string[];

/** `missing`: no token was sent. `wrong`: the token that was sent is not known. */
export type Identified = { readonly grants: Grants } | 'missing' | 'wrong';

interface Known {
  readonly digest: Buffer;
  readonly grants: Grants;
}

export class Credentials {
  readonly #known: readonly Known[];
  readonly #needsToken: boolean;

  /** @param token the operator's token; without one, a client that sends no token is the operator */
  constructor(token: string | undefined, delegates: readonly Delegate[] = []) {
    this.#needsToken = token !== undefined;
    this.#known = [
      ...(token === undefined ? [] : [{ digest: digestOf(token), grants: 'all' as const }]),
      ...delegates.map((delegate) => ({ digest: digestOf(delegate.token), grants: delegate.grants })),
    ];
  }

  /**
   * Finds what a client may do. When there are no tokens at all, every client is the operator. The search
   * takes the same time for every token: all hashes are compared, and they have the same length.
   * @param authorization the header field of the request
   */
  identify(authorization: string | undefined): Identified {
    if (this.#known.length === 0) return { grants: 'all' };
    if (authorization === undefined) return this.#needsToken ? 'missing' : { grants: 'all' };
    const digest = digestOf(/^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
    let grants: Grants | undefined;
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) grants ??= known.grants;
    }
    return grants === undefined ? 'wrong' : { grants };
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
