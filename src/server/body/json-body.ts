// JSON bodies of clients: UTF-8 only, at most 64 levels deep, without a key that could reach a prototype and
// without an object that has the same key twice.
import { isUtf8 } from 'node:buffer';
import { HttpError } from '../../errors.js';
import { isDeeperThan } from '../../json-scan.js';
import { hasRepeatedMember } from './json-text.js';

export const MAX_JSON_DEPTH = 64;

const malformed = (detail: string): HttpError => new HttpError('MALFORMED_BODY', detail);

/** @throws HttpError MALFORMED_BODY when the bytes are not UTF-8; a byte order mark is dropped */
export function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw malformed('The body is not valid UTF-8.');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/**
 * Parses a body of the data plane.
 * @throws HttpError MALFORMED_BODY
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) throw malformed('The body is empty; JSON is expected.');
  const text = decodeUtf8(bytes);
  const value = parseHarmless(text);
  if (hasRepeatedMember(text, value)) throw malformed('The body has an object with the same key twice.');
  return value;
}

/**
 * Parses JSON whose depth is bounded and which has no key that could reach a prototype. An object may have
 * the same key twice.
 * @throws HttpError MALFORMED_BODY
 */
export function parseHarmless(text: string): unknown {
  // The depth is checked before parsing, so that a small body cannot cost much memory.
  if (isDeeperThan(MAX_JSON_DEPTH, text))
    throw malformed(`The body is nested deeper than ${MAX_JSON_DEPTH} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the input.
    throw malformed('The body is not valid JSON.');
  }
  if (mayNamePrototype(text) && reachesPrototype(value)) {
    throw malformed('The body has a key that is not allowed (__proto__ or constructor.prototype).');
  }
  return value;
}

/** Every key that is refused contains `proto`, either as it is or with an escape for an ASCII character. */
const mayNamePrototype = (text: string): boolean => text.includes('proto') || text.includes('\\u00');

/** The recursion is bounded because the depth has been checked. */
function reachesPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(reachesPrototype);
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') return true;
    if (key === 'constructor' && typeof member === 'object' && member !== null) {
      if (Object.hasOwn(member, 'prototype')) return true;
    }
    if (reachesPrototype(member)) return true;
  }
  return false;
}
