// What a handler may send as JSON. JSON.stringify makes `{}` of everything whose content it does not see, such as a Response, a
// Map or a stream, and a client would take that for the response.
import { types } from 'node:util';

/**
 * False for a value of which JSON shows nothing or the wrong thing: an error, binary data, a Node.js stream, a function, and an
 * object of a class that has no members of its own, unless it has a `toJSON`.
 * @param text what it was serialized to
 */
export function isJsonValue(value: unknown, text: string): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return true;
  const { toJSON, pipe } = value as { toJSON?: unknown; pipe?: unknown };
  if (typeof toJSON === 'function') return true;
  if (types.isNativeError(value) || ArrayBuffer.isView(value) || typeof pipe === 'function') return false;
  // A plain object of another realm, such as those of `node:vm`.
  if (Object.getPrototypeOf(prototype) === null) return true;
  return text !== '{}' || Object.keys(value).length > 0;
}
