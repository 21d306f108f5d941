// Writes values as JSON and refuses those that JSON cannot represent. JSON.stringify writes `{}` for
// everything whose content it does not see, such as a Response, a Map or a stream, and a client would take
// that for the value. So a text without `{}` is sent as it is, and a text with `{}` is compared with the
// value.
import { types } from 'node:util';
import { isEmptyInstance, isOpaque, shownBy } from '../../json-form.js';
import { classOf, insteadOf } from '../value-kind.js';
import { MismatchError, type Serialize } from './serialize.js';

/** The most values inside of one response that are checked; the rest is sent as JSON.stringify wrote it. */
const MOST_CHECKED_VALUES = 10_000;

/**
 * @param declared writes the value by a schema, and checks it itself; without it JSON.stringify does
 * @throws TypeError for a value that JSON would omit or change. The message contains no value; its cause may.
 */
export function jsonOf(value: unknown, declared?: Serialize): string {
  let text: string | undefined;
  try {
    text = declared === undefined ? (JSON.stringify(value) as string | undefined) : declared(value);
  } catch (cause) {
    if (cause instanceof MismatchError) throw cause;
    throw new TypeError(
      `cannot send ${classOf(value)} as JSON: ${insteadOf(value) ?? 'the reason is in the log'}`,
      {
        cause,
      },
    );
  }
  if (text === undefined || isHidden(value)) throw notJson(value);
  // Searching for one character is cheap, and the text of a flat object has it at the beginning only.
  const hasObjects = text.length === 2 || text.indexOf('{', 1) !== -1;
  if (hasObjects && text.includes('{}') && typeof value === 'object' && value !== null) {
    const shown = shownBy(value);
    if (text === '{}' && typeof shown === 'object' && shown !== null && isEmptyInstance(shown))
      throw notJson(value);
    const hidden = declared === undefined ? hiddenIn(value, { count: MOST_CHECKED_VALUES }) : undefined;
    if (hidden !== undefined) throw notJson(hidden.value, hidden.path);
  }
  return text;
}

function notJson(value: unknown, path = ''): TypeError {
  const where = path === '' ? '' : ` at ${path}`;
  return new TypeError(
    `cannot send ${classOf(value)}${where} as JSON: ${insteadOf(value) ?? 'use a plain object or an array'}`,
  );
}

/**
 * True for a value that JSON writes as something else: an error, binary data, a collection, a stream, a
 * function, a number that is not finite.
 */
function isHidden(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'function';
  if (isPlain(value)) return false;
  if (types.isDate(value)) return Number.isNaN(value.getTime());
  return typeof (value as { toJSON?: unknown }).toJSON !== 'function' && isOpaque(value);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

interface Hidden {
  /** The members that lead to the value: `/users/1/tags`. */
  readonly path: string;
  readonly value: unknown;
}

/**
 * Finds the first value inside of another that JSON.stringify has written as `{}` although it is not a plain
 * object.
 * @param left the number of values that may still be checked
 */
function hiddenIn(given: object, left: { count: number }): Hidden | undefined {
  if (left.count-- <= 0) return undefined;
  const value = shownBy(given);
  if (typeof value !== 'object' || value === null) return undefined;
  if (!isPlain(value) && (isEmptyInstance(value) || isOpaque(value))) return { path: '', value };
  for (const name of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof member !== 'object' || member === null) continue;
    const hidden = hiddenIn(member, left);
    if (hidden !== undefined) return { path: `/${name}${hidden.path}`, value: hidden.value };
  }
  return undefined;
}
