// Who may do what on the admin plane, by bearer token (RFC 6750).
import { createHash, timingSafeEqual } from 'node:crypto';

/** A token that opens the `delegate` routes only, for what is named in it. */
export interface Delegate {
  readonly token: string;
  /** E.g. names of services. */
  readonly grants: readonly string[];
}

export type Grants = 'all' | readonly string[];

/** `missing`: no token was sent. `wrong`: one was, and it opens nothing here. */
export type Identified = { readonly grants: Grants } | 'missing' | 'wrong';

interface Known {
  readonly digest: Buffer;
  readonly grants: Grants;
}

export class Credentials {
  readonly #known: readonly Known[];
  readonly #operatorToken: boolean;

  /** @param token the operator's; undefined: everybody who may connect is the operator */
  constructor(token: string | undefined, delegates: readonly Delegate[] = []) {
    this.#operatorToken = token !== undefined;
    this.#known = [
      ...(token === undefined ? [] : [{ digest: digestOf(token), grants: 'all' as const }]),
      ...delegates.map(({ token: own, grants }) => ({ digest: digestOf(own), grants })),
    ];
  }

  /** Takes the same time for every token: hashes of equal length are compared, all of them. */
  identify(authorization: string | undefined): Identified {
    if (this.#known.length === 0) return { grants: 'all' };
    if (authorization === undefined) return this.#operatorToken ? 'missing' : { grants: 'all' };
    const digest = digestOf(/^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '');
    let grants: Grants | undefined;
    for (const known of this.#known) {
      if (timingSafeEqual(known.digest, digest)) grants ??= known.grants;
    }
    return grants === undefined ? 'wrong' : { grants };
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
