// What of several representations a client would rather have (RFC 9110 section 12).
import { createRequire } from 'node:module';
import type { ReadonlyFields } from '../handler.js';

const require = createRequire(import.meta.url);

/** What is used of the package, which has no types of its own. */
interface Negotiator {
  mediaType(offered: readonly string[]): string | undefined;
  encodings(offered: readonly string[], options: { readonly preferred: readonly string[] }): string[];
}
type NegotiatorClass = new (request: { readonly headers: Readonly<Record<string, string>> }) => Negotiator;

function negotiator(field: string, headers: ReadonlyFields): Negotiator {
  // Only where somebody negotiates.
  const Class = require('negotiator') as NegotiatorClass;
  const lines = headers.getAll(field);
  return new Class({ headers: lines.length === 0 ? {} : { [field]: lines.join(',') } });
}

/**
 * @returns one of the offered media types, the first when the client does not say; undefined: none will do
 */
export function preferredType(headers: ReadonlyFields, offered: readonly string[]): string | undefined {
  return negotiator('accept', headers).mediaType(offered);
}

/**
 * @param offered codings in our order of preference, without `identity`
 * @returns those that the client would rather have than the plain thing, best first
 */
export function acceptedCodings(headers: ReadonlyFields, offered: readonly string[]): readonly string[] {
  // No field at all: any coding would be allowed, but who says nothing may understand nothing.
  if (!headers.has('accept-encoding')) return [];
  const codings = negotiator('accept-encoding', headers).encodings([...offered, 'identity'], {
    preferred: offered,
  });
  const plain = codings.indexOf('identity');
  return plain === -1 ? codings : codings.slice(0, plain);
}
