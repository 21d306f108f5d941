// Values of CPU tasks as bytes. A structured clone of an object that keeps what it is in private fields, or
// in the native code of Node.js, is an empty object: it would arrive, and say nothing.
import { types } from 'node:util';
import { serialize } from 'node:v8';
import { isEmptyInstance } from '../json-form.js';

/** Members that are looked at, the nearest first: some microseconds. */
const MOST_LOOKED_AT = 1_000;

/**
 * @throws DataCloneError for what cannot be cloned, TypeError for an object that would arrive as an empty
 *   one, and what getters throw
 */
export function packedClone(value: unknown): Uint8Array {
  const packed = serialize(value);
  const lost = lostIn(value);
  if (lost === undefined) return packed;
  const kind = Object.prototype.toString.call(lost).slice(8, -1);
  const name = kind === 'Object' ? (lost.constructor?.name ?? kind) : kind;
  throw new TypeError(`a ${name} would arrive as an empty object; send what it holds instead`);
}

function lostIn(value: unknown): object | undefined {
  const values: unknown[] = [value];
  for (let at = 0; at < values.length; at++) {
    const one = values[at];
    if (typeof one !== 'object' || one === null || ArrayBuffer.isView(one)) continue;
    if (isLost(one)) return one;
    const members: unknown[] = Array.isArray(one) ? one : Object.values(one);
    for (const member of members) {
      if (values.length === MOST_LOOKED_AT) break;
      values.push(member);
    }
  }
  return undefined;
}

/** An instance that has no members, and is none of those whose contents are cloned all the same. */
const isLost = (value: object): boolean =>
  isEmptyInstance(value) &&
  !types.isDate(value) &&
  !types.isRegExp(value) &&
  !types.isMap(value) &&
  !types.isSet(value) &&
  !types.isNativeError(value) &&
  !types.isAnyArrayBuffer(value) &&
  !types.isBoxedPrimitive(value);
