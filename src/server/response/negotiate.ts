// Chooses among representations by the preferences of the client (RFC 9110 section 12).
import { createRequire } from 'node:module';
import type { ReadonlyFields } from '../handler.js';

const require = createRequire(import.meta.url);

/** The used part of the package, which has no types of its own. */
interface Negotiator {
  mediaType(offered: readonly string[]): string | undefined;
  encodings(offered: readonly string[], options: { readonly preferred: readonly string[] }): string[];
}
type NegotiatorClass = new (request: { readonly headers: Readonly<Record<string, string>> }) => Negotiator;

function negotiator(field: string, headers: ReadonlyFields): Negotiator {
  // The package is loaded with the first negotiation.
  const Class = require('negotiator') as NegotiatorClass;
  const lines = headers.getAll(field);
  return new Class({ headers: lines.length === 0 ? {} : { [field]: lines.join(',') } });
}

/**
 * @returns one of the offered media types, the first when the client has no preference, undefined when it
 *   accepts none
 */
export function preferredType(headers: ReadonlyFields, offered: readonly string[]): string | undefined {
  return negotiator('accept', headers).mediaType(offered);
}

/**
 * @param offered codings in the order of our preference, without `identity`
 * @returns the codings that the client prefers to the plain body, best first
 */
export function acceptedCodings(headers: ReadonlyFields, offered: readonly string[]): readonly string[] {
  // Without the field any coding would be allowed, but a client that sends none may not support any.
  if (!headers.has('accept-encoding')) return [];
  const codings = negotiator('accept-encoding', headers).encodings([...offered, 'identity'], {
    preferred: offered,
  });
  const plain = codings.indexOf('identity');
  return plain === -1 ? codings : codings.slice(0, plain);
}
