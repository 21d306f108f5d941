// What may be sent as JSON. JSON.stringify makes `{}` of everything whose content it does not see, such as a Response, a Map or
// a stream, and a client would take that for the response. So a text without `{}` is sent as it is, and only one with it is
// looked at more closely.
import { types } from 'node:util';
import { MismatchError, type Serialize } from './serialize.js';
import { classOf, insteadOf } from './value-kind.js';

/** Values inside of one response that are looked at; what lies behind them is sent as JSON.stringify has written it. */
const MOST_VALUES = 10_000;

/**
 * @param declared writes the value by a schema, which says itself what it does not take; default: JSON.stringify
 * @throws TypeError for a value of which JSON shows nothing or the wrong thing. Its message shows no value; its cause may.
 */
export function jsonOf(value: unknown, declared?: Serialize): string {
  let text: string | undefined;
  try {
    text = declared === undefined ? (JSON.stringify(value) as string | undefined) : declared(value);
  } catch (cause) {
    if (cause instanceof MismatchError) throw cause;
    throw new TypeError(`cannot send ${classOf(value)} as JSON: ${insteadOf(value) ?? 'the log has why'}`, {
      cause,
    });
  }
  if (text === undefined || isHidden(value)) throw notJson(value);
  if (text.includes('{}') && typeof value === 'object' && value !== null) {
    if (text === '{}' && isEmptyInstance(value)) throw notJson(value);
    const hidden = declared === undefined ? hiddenIn(value, { count: MOST_VALUES }) : undefined;
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

/** True for what JSON writes as something else: an error, binary data, a collection, a stream, a function, no number. */
function isHidden(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return typeof value === 'function';
  if (isPlain(value)) return false;
  if (types.isDate(value)) return Number.isNaN(value.getTime());
  const { toJSON, pipe } = value as { toJSON?: unknown; pipe?: unknown };
  if (typeof toJSON === 'function') return false;
  return (
    types.isNativeError(value) ||
    ArrayBuffer.isView(value) ||
    typeof pipe === 'function' ||
    isCollection(value)
  );
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

const isCollection = (value: object): boolean =>
  types.isMap(value) || types.isSet(value) || types.isPromise(value) || value instanceof URLSearchParams;

/** True for an object of a class that has no members of its own: what it is, JSON cannot see. */
function isEmptyInstance(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object may be one of another realm, such as those of `node:vm`.
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return false;
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
  return Object.keys(value).length === 0;
}

interface Hidden {
  /** Members from the root on: `/users/1/tags`. */
  readonly path: string;
  readonly value: unknown;
}

/**
 * The first value inside of another that JSON.stringify has written as `{}` and that is no plain object.
 * @param left how many values may still be looked at
 */
function hiddenIn(given: object, left: { count: number }): Hidden | undefined {
  if (left.count-- <= 0) return undefined;
  const value = shownBy(given);
  if (typeof value !== 'object' || value === null) return undefined;
  if (!isPlain(value) && (isEmptyInstance(value) || isCollection(value))) return { path: '', value };
  for (const name of Object.keys(value)) {
    const member = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof member !== 'object' || member === null) continue;
    const hidden = hiddenIn(member, left);
    if (hidden !== undefined) return { path: `/${name}${hidden.path}`, value: hidden.value };
  }
  return undefined;
}

/** What JSON.stringify takes in place of a value. */
function shownBy(value: object): unknown {
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value, '') as unknown) : value;
}
