// Inspects values that are to be logged without trusting them: getters may throw, and classes may report
// wrong types.
import { types } from 'node:util';

/** Stands for a value that throws when it is read. */
export const UNREADABLE = '[unreadable]';

export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}

/** A property, or UNREADABLE when reading it throws. */
export function readable(source: object, name: string | symbol): unknown {
  try {
    return (source as Record<string | symbol, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
}

/**
 * Sets a member of a plain object, whatever its name. An assignment to `__proto__` would replace the
 * prototype of the object, whose members would then seem to be those of the object itself.
 */
export function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

/**
 * Turns the first argument of a logging call into named fields: an error becomes `err`, an object without
 * named fields `value`. An object with `toJSON` is logged in its JSON form.
 */
export function asFields(source: object): object {
  if (isError(source)) return { err: source };
  if (hasNames(source)) {
    const plain = jsonFormOf(source);
    if (plain === source || hasNames(plain)) return plain as object;
  }
  return { value: source };
}

const hasNames = (value: unknown): boolean =>
  isObject(value) &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !types.isBoxedPrimitive(value) &&
  entriesOf(value) === undefined;

/** @throws any error that `toJSON` throws */
export function jsonFormOf(value: object): unknown {
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? (toJSON.call(value, '') as unknown) : value;
}

/** Classes that contain names with values, but not as members. */
const ENTRY_LISTS: ReadonlySet<unknown> = new Set(['Map', 'Headers', 'URLSearchParams', 'FormData']);

/** The entries of an object of such a class; undefined for other objects. */
export function entriesOf(value: object): Iterable<unknown> | undefined {
  if (types.isMap(value)) return value;
  const isList = ENTRY_LISTS.has(readable(value, Symbol.toStringTag));
  return isList && typeof readable(value, Symbol.iterator) === 'function' ? (value as never) : undefined;
}

/** Members that may contain the name of the value beside them, or the path to it. */
const NAMES = 'name key header field param property path instancePath Name Key'.split(' ');

/** The characters that are read of such a name, and the parts of a path: those at the end. */
const [MAX_NAME, MAX_PARTS] = [128, 8];

/**
 * The name in an object that consists of a name and a value: a header field, a variable, a parameter, or a
 * validator's error (`{ path: ['user', 'password'], received: … }`).
 */
export function nameIn(source: object): string {
  for (const member of NAMES) {
    const found = readable(source, member);
    const name = Array.isArray(found) ? lastText(found) : found;
    if (typeof name !== 'string' || name === '') continue;
    const end = name.slice(-MAX_NAME);
    return end.slice(end.lastIndexOf('/') + 1);
  }
  return '';
}

function lastText(path: readonly unknown[]): string | undefined {
  for (let at = path.length - 1; at >= Math.max(0, path.length - MAX_PARTS); at--) {
    const part = path[at];
    if (typeof part === 'string') return part;
  }
  return undefined;
}

/** The message that pino takes from the fields of a call without a message. */
export function messageOf(source: object): unknown {
  if (isError(source)) return readable(source, 'message');
  if (readable(source, 'msg') !== undefined) return undefined;
  const error = readable(source, 'err');
  return isObject(error) ? readable(error, 'message') : undefined;
}

export function typeOf(error: Error): string {
  const made = readable(error, 'constructor');
  const name = typeof made === 'function' ? readable(made, 'name') : readable(error, 'name');
  return typeof name === 'string' ? name : 'Error';
}

/** The cause of an error; undefined for a cause without a message. */
export function causeOf(error: object): object | undefined {
  const cause = readable(error, 'cause');
  return isObject(cause) && typeof readable(cause, 'message') === 'string' ? cause : undefined;
}
