// Words for a value, for messages about a value of the wrong type.
import { Readable } from 'node:stream';
import { types } from 'node:util';

/** Names the type of a value, without reading what could throw. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Names the type of a value, or the class of an object. @throws what a getter of the object throws */
export function classOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return kindOf(value);
  if (Array.isArray(value)) return 'an array';
  const maker = (value as { constructor?: unknown }).constructor;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return `an object of the class ${(typeof maker === 'function' && maker.name) || tag}`;
}

/** Advice on what to send in place of a value; undefined when there is none. */
export function insteadOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') return 'use a string or a number';
  if (typeof value === 'number') return 'use null, a string or a finite number';
  if (typeof value === 'function') return 'call it and return what it gives';
  if (typeof value !== 'object' || value === null) return undefined;
  if (types.isNativeError(value)) return 'throw it';
  if (types.isPromise(value)) return 'await it';
  if (types.isDate(value)) return 'use one that is a valid date';
  if (types.isMap(value)) return 'use Object.fromEntries';
  if (types.isSet(value)) return 'use an array';
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return 'use ctx.bytes with a Uint8Array';
  if (value instanceof Response || value instanceof ReadableStream)
    return 'return it alone, or use ctx.stream';
  if (value instanceof Request) return 'use ctx.stream with its body';
  if (value instanceof Blob) return 'use ctx.stream with what its method stream() gives';
  if (value instanceof Readable || Symbol.asyncIterator in value) {
    return 'use ctx.stream';
  }
  return Symbol.iterator in value && !Array.isArray(value) ? 'use ctx.stream, or an array' : undefined;
}
