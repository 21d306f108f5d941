// JSON from strangers: only UTF-8, never deeper than 64, no key that could reach a prototype, none twice.
import { isUtf8 } from 'node:buffer';
import { HttpError } from '../../errors.js';
import { repeatsMember } from './json-members.js';

export const MAX_JSON_DEPTH = 64;

/** Every key that is refused spells `proto`, in clear or with the help of an escape of ASCII. */
const isSuspicious = (text: string): boolean => text.includes('proto') || text.includes('\\u00');

const malformed = (detail: string): HttpError => new HttpError('MALFORMED_BODY', detail);

/** @throws HttpError MALFORMED_BODY when the bytes are not UTF-8; a byte order mark is dropped */
export function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw malformed('The body is not valid UTF-8.');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** @throws HttpError MALFORMED_BODY */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) throw malformed('The body is empty; JSON is expected.');
  const text = decodeUtf8(bytes);
  if (isTooDeep(text)) throw malformed(`The body is nested deeper than ${MAX_JSON_DEPTH} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the input.
    throw malformed('The body is not valid JSON.');
  }
  if (isSuspicious(text) && reachesPrototype(value)) {
    throw malformed('The body has a key that is not allowed (__proto__ or constructor.prototype).');
  }
  if (repeatsMember(text, value)) throw malformed('The body has an object with the same key twice.');
  return value;
}

/** Before parsing, so that a small body cannot cost much memory. Few brackets cannot nest deeply. */
function isTooDeep(text: string): boolean {
  if (!hasMoreThan(MAX_JSON_DEPTH, text)) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === 0x5c) i++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) {
      inString = true;
    } else if (char === 0x5b || char === 0x7b) {
      if (++depth > MAX_JSON_DEPTH) return true;
    } else if (char === 0x5d || char === 0x7d) {
      depth--;
    }
  }
  return false;
}

function hasMoreThan(limit: number, text: string): boolean {
  let count = 0;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++count > limit) return true;
    }
  }
  return false;
}

/** The depth is bounded by now, so recursion is. */
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
