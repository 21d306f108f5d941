// Values that the journal can store. A step must see the same values before and after a crash, so inputs and
// results are turned into plain JSON when they arrive, not when they are read back.
import { ValidationError } from '../errors.js';
import { refuseLoss } from '../json-form.js';
import { isDeeperThan } from '../json-scan.js';
import { toError } from '../telemetry/to-error.js';
import type { Json } from './saga.js';

/** PostgreSQL reads a few thousand levels, depending on the size of its stack. */
const MAX_LEVELS = 500;
/** A larger value would delay the other writes of its batch. */
const MAX_CHARACTERS = 2 ** 19;
/** Characters of all results of one saga: claiming and viewing a saga read them all. */
const MAX_RESULT_CHARACTERS = 2 ** 22;

/** U+0000 or half a surrogate pair: JSON that PostgreSQL cannot turn into text (manual, section 8.14). */
const UNSTORABLE_TEXT = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/**
 * The value as it will be read back: dates are strings, undefined members are absent, undefined is null.
 * @param maxCharacters of the JSON. @default 524,288
 * @throws TypeError for a value without such a form: cycles, functions, bigint, a Map, NaN, U+0000, more than
 *   500 levels, or more than `maxCharacters` characters
 */
export function toJson(value: unknown, maxCharacters = MAX_CHARACTERS): Json {
  if (value === undefined || value === null) return null;
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`a ${typeof value} is not JSON`);
  if (text.length > maxCharacters)
    throw new TypeError(`${text.length} characters of JSON cannot be stored; the limit is ${maxCharacters}`);
  if (UNSTORABLE_TEXT.test(text))
    throw new TypeError('a text with U+0000 or half a surrogate pair cannot be stored');
  if (isDeeperThan(MAX_LEVELS, text)) throw new TypeError(`more than ${MAX_LEVELS} levels cannot be stored`);
  const form = JSON.parse(text) as Json;
  refuseLoss(value, form);
  return form;
}

/** Characters of one result in a saga of `steps` steps: 524,288 for up to eight steps, fewer for more. */
export const maxResultLength = (steps: number): number =>
  Math.min(MAX_CHARACTERS, Math.floor(MAX_RESULT_CHARACTERS / steps));

/** `toJson` for a value from a client or an operator. @throws ValidationError that names `path` */
export function requireJson(value: unknown, path: string, detail?: string, maxCharacters?: number): Json {
  try {
    return toJson(value, maxCharacters);
  } catch (error) {
    throw new ValidationError([{ path, message: toError(error).message }], detail);
  }
}

/** A copy for the code of services, which may modify the values that it gets. */
export const copyOf = <T>(value: T): T => structuredClone(value);
