// Whether JSON says what a value says. Whatever is stored or sent as JSON is compared with the value it was
// made of wherever nothing simpler decides: JSON.stringify and a compiled serializer write null, 0, "" or {}
// for what they do not expect.
import { types } from 'node:util';

/** The first part of a value that JSON, or a schema, does not take. */
export interface Mismatch {
  /** Members from the root on: `/users/1/tags`. */
  readonly path: string;
  readonly value: unknown;
}

type Members = Readonly<Record<string, unknown>>;

const isCollection = (value: object): boolean =>
  types.isMap(value) || types.isSet(value) || types.isPromise(value) || value instanceof URLSearchParams;

/** True for an object whose content is not in its members: an error, binary data, a collection, a stream. */
export function isOpaque(value: object): boolean {
  return (
    isCollection(value) ||
    types.isNativeError(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    typeof (value as { readonly pipe?: unknown }).pipe === 'function'
  );
}

/** True for an object of a class that has no members of its own: what it is, JSON cannot see. */
export function isEmptyInstance(value: object): boolean {
  if (Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object may be one of another realm, such as those of `node:vm`.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return false;
  return Object.keys(value).length === 0;
}

/** What JSON takes in place of a value. */
export function shownBy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value, '') as unknown) : value;
}

const DECIMAL = /^-?(0|[1-9]\d*)(\.\d+)?$/;

/** True for text that is exactly the number which JSON carries for it; zeros may follow its fraction. */
export function isDecimal(text: string): boolean {
  if (!DECIMAL.test(text)) return false;
  return String(Number(text)) === (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
}

/**
 * Compares a value with what a JSON text made of it says.
 * @param isWhole every member must be in the text; otherwise a schema may have left some out, or added
 *   defaults
 */
export function lossIn(given: unknown, written: unknown, isWhole: boolean): Mismatch | undefined {
  const value = shownBy(given);
  const here: Mismatch = { path: '', value: given };
  // It shows itself as null.
  if (types.isDate(given) && Number.isNaN(given.getTime())) return here;
  if (typeof value !== 'object' || typeof written !== 'object' || value === null || written === null) {
    return isSame(given, value, written) ? undefined : here;
  }
  if (Array.isArray(value) !== Array.isArray(written)) return here;
  // A Buffer would show itself as a list of numbers.
  if (isOpaque(value) || ArrayBuffer.isView(given) || types.isBoxedPrimitive(value)) return here;
  const names = Object.keys(written);
  if (names.length === 0 && isEmptyInstance(value)) return here;
  if (Array.isArray(value) ? value.length !== names.length : isWhole && leavesOut(value, written))
    return here;
  for (const name of names) {
    const member = (value as Members)[name];
    // An absent member has been written as the default of its schema.
    if (member === undefined && !Array.isArray(value)) continue;
    const loss = lossIn(member, (written as Members)[name], isWhole);
    if (loss !== undefined) return { path: `/${name}${loss.path}`, value: loss.value };
  }
  return undefined;
}

/**
 * The value as JSON carries it, undefined for undefined.
 * @throws TypeError for a value of which JSON would carry something else. Its message shows no value; its
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

/** @throws TypeError, naming the place, when a value says something that its JSON does not */
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

/** The same, or what a schema makes of it without loss: text of a number, and the other way round. */
function isSame(given: unknown, value: unknown, written: unknown): boolean {
  if (value === written) return typeof value !== 'number' || Number.isFinite(value);
  switch (typeof value) {
    case 'string':
      if (typeof written === 'number') return isDecimal(value) && Number(value) === written;
      // A schema for dates writes less of it, and one for text what its toString says.
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
 * What an object says itself that it is as text: a decimal number, a URL. Undefined for one that says
 * nothing.
 */
export function textOf(value: object): string | undefined {
  // The serializer writes another text for a regular expression than its own.
  if (Array.isArray(value) || isOpaque(value) || types.isRegExp(value)) return undefined;
  const { toString: asText } = value as { readonly toString?: unknown };
  if (typeof asText !== 'function' || asText === Object.prototype.toString) return undefined;
  const text: unknown = asText.call(value);
  return typeof text === 'string' ? text : undefined;
}
