// Read-only views of the header fields and the query of a request. Each is created on first use.
import type { ProxyField } from './client-address.js';
import type { ReadonlyFields } from './handler.js';

/** The peer that sent the fields. */
export interface Peer {
  /**
   * The field by which a trusted proxy names its client; undefined for any other peer. It is read only when a
   * field of this kind is looked up.
   */
  readonly proxyField: ProxyField | undefined;
}

export const STRANGER: Peer = { proxyField: undefined };

/**
 * The header fields of a request, over a flat list: name, value, name, value… with names in lower case.
 * `Forwarded` and `X-Forwarded-*` are hidden unless a trusted proxy has sent them and writes this kind
 * itself. Any client can write them, even through a proxy that writes only the other kind.
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
    return isVisible(wanted, this.#peer) ? wanted : undefined;
  }
}

/** Whether code of services sees a field. @param name in lower case */
export function isVisible(name: string, peer: Peer): boolean {
  const field = forwardingField(name);
  return field === undefined || peer.proxyField === field;
}

/** The kind of forwarding field that this name belongs to; undefined for all other names. */
function forwardingField(name: string): ProxyField | undefined {
  if (name === 'forwarded') return name;
  return name.startsWith('x-forwarded-') ? 'x-forwarded-for' : undefined;
}

/** The query, parsed as application/x-www-form-urlencoded (WHATWG URL Standard), which accepts every text. */
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

  /** Lists every name once. */
  names(): Iterable<string> {
    return new Set(this.#form.keys());
  }
}
