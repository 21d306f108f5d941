// What a journal can keep. A step must see the same values before and after a crash, so everything is turned
// into plain JSON when it comes in, not when it is read back.
import type { Json } from './saga.js';

/** A string with U+0000 or half a surrogate pair is JSON but no jsonb (PostgreSQL manual, section 8.14). */
const NO_JSONB = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/**
 * The value as it will be read back: dates as strings, members that are undefined gone; undefined is null.
 * @throws TypeError for what has no such form (cycles, functions, bigint, U+0000)
 */
export function toJson(value: unknown): Json {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a ${typeof value} is not JSON`);
  if (NO_JSONB.test(text)) throw new TypeError('a text with U+0000 or half a surrogate pair cannot be kept');
  return JSON.parse(text) as Json;
}
