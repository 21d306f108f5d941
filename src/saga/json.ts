// What a journal can keep. A step must see the same values before and after a crash, so everything is turned
// into plain JSON when it comes in, not when it is read back.
import { ValidationError } from '../errors.js';
import { refuseLoss } from '../json-form.js';
import { toError } from '../telemetry/to-error.js';
import type { Json } from './saga.js';

/** PostgreSQL reads a few thousand, by the size of its stack. */
const MOST_LEVELS = 500;
/** One value may not hold up what the others of its batch have to write. */
const MOST_CHARACTERS = 2 ** 19;
/** Characters of all results of one saga. Whoever goes on with it, or looks at it, reads them all. */
const MOST_OF_RESULTS = 2 ** 22;
const [QUOTE, BACKSLASH, OBJECT, OBJECT_END, ARRAY, ARRAY_END] = [0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d];

/** U+0000 or half a surrogate pair: JSON that PostgreSQL cannot turn into text (manual, section 8.14). */
const NOT_KEPT = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/**
 * The value as it will be read back: dates as strings, members that are undefined gone; undefined is null.
 * @param most characters. @default 524,288
 * @throws TypeError for what has no such form (cycles, functions, bigint, a Map, NaN, U+0000, more than 500
 *   levels, or than `most` characters)
 */
export function toJson(value: unknown, most = MOST_CHARACTERS): Json {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a ${typeof value} is not JSON`);
  if (text.length > most)
    throw new TypeError(`${text.length} characters of JSON cannot be kept: ${most} can`);
  if (NOT_KEPT.test(text)) throw new TypeError('a text with U+0000 or half a surrogate pair cannot be kept');
  if (text.length > 2 * MOST_LEVELS && depthOf(text) > MOST_LEVELS)
    throw new TypeError(`more than ${MOST_LEVELS} levels cannot be kept`);
  const form = JSON.parse(text) as Json;
  refuseLoss(value, form);
  return form;
}

/** Characters of one result in a saga of so many steps: 524,288 for up to eight, fewer for more. */
export const mostOfResult = (steps: number): number =>
  Math.min(MOST_CHARACTERS, Math.floor(MOST_OF_RESULTS / steps));

/** As `toJson`, of what a client or an operator gives. @throws ValidationError that names `path` */
export function givenJson(value: unknown, path: string, detail?: string, most?: number): Json {
  try {
    return toJson(value, most);
  } catch (error) {
    throw new ValidationError([{ path, message: toError(error).message }], detail);
  }
}

/** One of their own for code of services, which may change what it is given. */
export const copyOf = <T>(value: T): T => structuredClone(value);

/** Of objects and arrays in JSON that is known to be valid. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  let isText = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (isText) {
      if (char === BACKSLASH) at++;
      else if (char === QUOTE) isText = false;
    } else if (char === QUOTE) isText = true;
    else if (char === OBJECT || char === ARRAY) deepest = Math.max(deepest, ++depth);
    else if (char === OBJECT_END || char === ARRAY_END) depth--;
  }
  return deepest;
}
