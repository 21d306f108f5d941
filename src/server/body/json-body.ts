// JSON bodies of clients: UTF-8 only, at most 64 levels deep, without a key that could reach a prototype and
// without an object that has the same key twice.
import { isUtf8 } from 'node:buffer';
import { bufferOf } from '../../buffer-of.js';
import { HttpError } from '../../errors.js';
import { isDeeperThan } from '../../json-scan.js';
import { hasRepeatedMember } from './json-text.js';

export const MAX_JSON_DEPTH = 64;

const malformed = (detail: string): HttpError => new HttpError('MALFORMED_BODY', detail);

/** @throws HttpError MALFORMED_BODY when the bytes are not UTF-8; a byte order mark is dropped */
export function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw malformed('The body is not valid UTF-8.');
  const buffer = Buffer.isBuffer(bytes) ? bytes : bufferOf(bytes);
  const text = buffer.toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/**
 * Parses a body of the data plane.
 * @throws HttpError MALFORMED_BODY
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) throw malformed('The body is empty; JSON is expected.');
  const text = decodeUtf8(bytes);
  const value = parseBounded(text);
  if (hasRepeatedMember(text, countHarmless(value)))
    throw malformed('The body has an object with the same key twice.');
  return value;
}

/**
 * Parses JSON whose depth is bounded and which has no key that could reach a prototype. An object may have
 * the same key twice.
 * @throws HttpError MALFORMED_BODY
 */
export function parseHarmless(text: string): unknown {
  const value = parseBounded(text);
  countHarmless(value);
  return value;
}

/** Checks the depth before it parses, so that a small body cannot cost much memory. */
function parseBounded(text: string): unknown {
  if (isDeeperThan(MAX_JSON_DEPTH, text))
    throw malformed(`The body is nested deeper than ${MAX_JSON_DEPTH} levels.`);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the input.
    throw malformed('The body is not valid JSON.');
  }
}

/**
 * Counts the members of all objects in a value that JSON.parse has made. The recursion is bounded because the
 * depth has been checked.
 * @throws HttpError MALFORMED_BODY for a key that could reach a prototype
 */
function countHarmless(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) count += countHarmless(value[i]);
    return count;
  }
  // All enumerable properties are the object's own, `__proto__` included, because JSON.parse made it.
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (key === '__proto__' || (key === 'constructor' && hasPrototype(member)))
      throw malformed('The body has a key that is not allowed (__proto__ or constructor.prototype).');
    count += 1 + countHarmless(member);
  }
  return count;
}

const hasPrototype = (member: unknown): boolean =>
  typeof member === 'object' && member !== null && Object.hasOwn(member, 'prototype');
