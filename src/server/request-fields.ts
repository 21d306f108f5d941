// Read-only multi-maps of raw strings, made only when somebody asks for them.
import type { ProxyField } from './client-address.js';
import type { ReadonlyFields } from './handler.js';

/** The sender of the fields. */
export interface Peer {
  /** What it writes about the client, when it is a trusted proxy. Read only when such a field is wanted. */
  readonly proxyField: ProxyField | undefined;
}

export const STRANGER: Peer = { proxyField: undefined };

/**
 * Over a flat list name, value, name, value… with names in lower case. `Forwarded` and `X-Forwarded-*` are
 * not there, unless a trusted proxy has sent them and writes them: any client can write them, also through a
 * proxy that writes only the other one.
 */
export class HeaderValues implements ReadonlyFields {
  readonly #fields: readonly string[];
  readonly #peer: Peer;

  constructor(fields: readonly string[], peer: Peer) {
    this.#fields = fields;
    this.#peer = peer;
  }

  /** The first field line of this name. */
  get(name: string): string | undefined {
    const wanted = this.#visible(name);
    for (let i = 0; i < this.#fields.length; i += 2) {
      if (this.#fields[i] === wanted) return this.#fields[i + 1];
    }
    return undefined;
  }

  getAll(name: string): readonly string[] {
    const wanted = this.#visible(name);
    const found: string[] = [];
    for (let i = 0; i < this.#fields.length; i += 2) {
      if (this.#fields[i] === wanted) found.push(this.#fields[i + 1]!);
    }
    return found;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  #visible(name: string): string | undefined {
    const wanted = name.toLowerCase();
    const field = forwardingField(wanted);
    return field !== undefined && this.#peer.proxyField !== field ? undefined : wanted;
  }
}

/** Which of the two this name belongs to, if it is about clients of proxies. */
function forwardingField(name: string): ProxyField | undefined {
  if (name === 'forwarded') return name;
  return name.startsWith('x-forwarded-') ? 'x-forwarded-for' : undefined;
}

/** The query as a form (application/x-www-form-urlencoded of the WHATWG URL standard, which never fails). */
export class QueryValues implements ReadonlyFields {
  readonly #form: URLSearchParams;

  constructor(query: string) {
    this.#form = new URLSearchParams(query);
  }

  get(name: string): string | undefined {
    return this.#form.get(name) ?? undefined;
  }

  getAll(name: string): readonly string[] {
    return this.#form.getAll(name);
  }

  has(name: string): boolean {
    return this.#form.has(name);
  }

  /** Every name once. */
  names(): Iterable<string> {
    return new Set(this.#form.keys());
  }
}
