// Detects values that JSON cannot carry without loss. JSON.stringify and compiled serializers silently write
// null, 0, "" or {} for values that they do not expect, so the JSON of a value that is stored or sent is
// compared with the value itself, wherever no simpler check is enough.
import { types } from 'node:util';

/** The first part of a value that JSON, or a schema, cannot carry. */
export interface Mismatch {
  /** JSON Pointer of the part: `/users/1/tags`. */
  readonly path: string;
  readonly value: unknown;
}

type Members = Readonly<Record<string, unknown>>;

const isCollection = (value: object): boolean =>
  types.isMap(value) || types.isSet(value) || types.isPromise(value) || value instanceof URLSearchParams;

/**
 * True for an object whose content is not in its properties: an error, binary data, a collection, a stream.
 */
export function isOpaque(value: object): boolean {
  return (
    isCollection(value) ||
    types.isNativeError(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    typeof (value as { readonly pipe?: unknown }).pipe === 'function'
  );
}

/** True for an instance of a class that has no own properties: JSON would write it as `{}`. */
export function isEmptyInstance(value: object): boolean {
  if (Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object may be one of another realm, such as those of `node:vm`.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return false;
  return Object.keys(value).length === 0;
}

/** The value that JSON.stringify writes in place of this one: the result of its `toJSON`, if it has one. */
export function shownBy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value, '') as unknown) : value;
}

const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?$/;

/** True for text that a JSON number carries without loss; its fraction may end in zeros. */
export function isDecimal(text: string): boolean {
  if (!DECIMAL.test(text)) return false;
  return String(Number(text)) === (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
}

/**
 * Compares a value with the parsed JSON that was written for it.
 * @param isWhole true: every member must be in the JSON; false: a schema may have omitted members or added
 *   defaults
 * @returns undefined when nothing is lost
 */
export function lossIn(given: unknown, written: unknown, isWhole: boolean): Mismatch | undefined {
  const value = shownBy(given);
  const here: Mismatch = { path: '', value: given };
  // JSON writes null for an invalid date.
  if (types.isDate(given) && Number.isNaN(given.getTime())) return here;
  if (typeof value !== 'object' || typeof written !== 'object' || value === null || written === null) {
    return isSame(given, value, written) ? undefined : here;
  }
  if (Array.isArray(value) !== Array.isArray(written)) return here;
  // JSON writes a list of numbers for a Buffer.
  if (isOpaque(value) || ArrayBuffer.isView(given) || types.isBoxedPrimitive(value)) return here;
  const names = Object.keys(written);
  if (names.length === 0 && isEmptyInstance(value)) return here;
  if (Array.isArray(value) ? value.length !== names.length : isWhole && leavesOut(value, written))
    return here;
  for (const name of names) {
    const member = (value as Members)[name];
    // The schema has written its default for an absent member.
    if (member === undefined && !Array.isArray(value)) continue;
    const loss = lossIn(member, (written as Members)[name], isWhole);
    if (loss !== undefined) return { path: `/${name}${loss.path}`, value: loss.value };
  }
  return undefined;
}

/**
 * Converts a value to what its JSON contains; undefined stays undefined.
 * @throws TypeError for a value that JSON cannot carry without loss. The message contains no value, but its
 *   cause may.
 */
export function jsonForm(value: unknown): unknown {
  if (value === undefined) return undefined;
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    throw new TypeError('JSON cannot carry the value: the cause has why', { cause });
  }
  const form: unknown = text === undefined ? undefined : JSON.parse(text);
  refuseLoss(value, form);
  return form;
}

/** @throws TypeError that names the part of the value which its JSON does not carry */
export function refuseLoss(value: unknown, form: unknown): void {
  const loss = lossIn(value, form, true);
  if (loss === undefined) return;
  const where = loss.path === '' ? '' : ` at ${loss.path}`;
  const kind = Object.prototype.toString.call(loss.value).slice(8, -1);
  throw new TypeError(
    `JSON cannot carry the ${kind}${where}: use plain objects, arrays, text, finite numbers, booleans and null`,
  );
}

const leavesOut = (value: object, written: object): boolean =>
  Object.keys(value).some((name) => (value as Members)[name] !== undefined && !Object.hasOwn(written, name));

/**
 * True for equal values, and for those that a schema converts without loss, such as a number and its text.
 */
function isSame(given: unknown, value: unknown, written: unknown): boolean {
  if (value === written) return typeof value !== 'number' || Number.isFinite(value);
  switch (typeof value) {
    case 'string':
      if (typeof written === 'number') return isDecimal(value) && Number(value) === written;
      // A schema for dates may write a part of the date, and one for strings the result of its toString.
      return typeof written === 'string' && typeof given === 'object' && isText(given, written);
    case 'number':
      if (typeof written === 'boolean') return value === Number(written);
      return Number.isFinite(value) && written === String(value);
    case 'bigint':
      return typeof written === 'number' ? Number(value) === written : written === String(value);
    case 'boolean':
      return written === String(value);
    case 'object':
      if (value === null || Array.isArray(value)) return false;
      return typeof written === 'number' ? isNumber(value, written) : isText(value, written);
    default:
      return false;
  }
}

const isText = (value: object | null, written: unknown): boolean =>
  types.isDate(value) || (value !== null && textOf(value) === written);

const isNumber = (value: object, written: number): boolean =>
  isDecimal(textOf(value) ?? '') && Number(value) === written;

/**
 * The text that an object's own `toString` returns, such as that of a decimal number or a URL. Undefined for
 * an object without one.
 */
export function textOf(value: object): string | undefined {
  // For a regular expression the serializer does not write the result of its toString.
  if (Array.isArray(value) || isOpaque(value) || types.isRegExp(value)) return undefined;
  const { toString: asText } = value as { readonly toString?: unknown };
  if (typeof asText !== 'function' || asText === Object.prototype.toString) return undefined;
  const text: unknown = asText.call(value);
  return typeof text === 'string' ? text : undefined;
}
