// What kind of error a metric, a span or a log line shows. Code of services throws any value, even one that
// cannot be inspected, so nothing here throws and every result is a short name.
import { types } from 'node:util';
import { HttpError } from './errors.js';
import { maskText } from './redaction/secret-texts.js';

/** A code, a status or the name of a class. Other texts may contain what a client has sent. */
const NAME = /^[\w$.-]{1,64}$/;
/** https://www.postgresql.org/docs/17/errcodes-appendix.html */
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** A value that is no error, or an error that cannot be read. */
const UNKNOWN = 'unknown';

/**
 * The SQLSTATE of an error, its code, or the name of its class, whichever is the first that has the form of
 * one: never free text. It never throws.
 */
export function errorTypeOf(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return UNKNOWN;
    const { sqlState, code, name } = thrown as Error & {
      readonly sqlState?: unknown;
      readonly code?: unknown;
    };
    if (typeof sqlState === 'string' && SQLSTATE.test(sqlState)) return sqlState;
    return [code, name].find(isName) ?? 'Error';
  } catch {
    return UNKNOWN;
  }
}

/** The type of an error that is already a text: a code, or a status. @returns `unknown` for free text */
export const shownErrorType = (type: unknown): string => (isName(type) ? type : UNKNOWN);

/**
 * Whether no trap of a Proxy runs when the class of a value is looked at: neither the value nor one of its
 * prototypes is a Proxy. It never throws.
 */
export function isInspectable(value: unknown): boolean {
  for (let part = value; isObject(part); part = Object.getPrototypeOf(part)) {
    if (types.isProxy(part)) return false;
  }
  return true;
}

const isObject = (value: unknown): boolean =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** `instanceof` for any value that code of services may throw. What is not inspectable is no HttpError. */
export const isHttpError = (thrown: unknown): thrown is HttpError =>
  isInspectable(thrown) && thrown instanceof HttpError;

const isName = (text: unknown): text is string =>
  typeof text === 'string' && NAME.test(text) && maskText(text) === text;
