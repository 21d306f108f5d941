// Serializes inputs and results of CPU tasks. The structured clone of an object that keeps its content in
// private fields, or in native code of Node.js, is an empty object. Such objects are rejected, since their
// receiver would not notice the loss.
import { types } from 'node:util';
import { serialize } from 'node:v8';
import { isEmptyInstance } from '../json-form.js';

/**
 * The most values that are checked: the value, its members, and then their members. That takes some
 * microseconds.
 */
const MOST_CHECKED = 1_000;

/**
 * @throws DataCloneError for a value that cannot be cloned; TypeError for an object that would arrive as an
 *   empty one; whatever getters throw
 */
export function packedClone(value: unknown): Uint8Array {
  const packed = serialize(value);
  const lost = lostIn(value);
  if (lost === undefined) return packed;
  const kind = Object.prototype.toString.call(lost).slice(8, -1);
  const name = kind === 'Object' ? (lost.constructor?.name ?? kind) : kind;
  throw new TypeError(`a ${name} would arrive as an empty object; send what it holds instead`);
}

/** Finds an object whose content would be lost. */
function lostIn(value: unknown): object | undefined {
  const values: unknown[] = [value];
  for (let at = 0; at < values.length; at++) {
    const one = values[at];
    if (typeof one !== 'object' || one === null || ArrayBuffer.isView(one)) continue;
    if (isLost(one)) return one;
    const members: unknown[] = Array.isArray(one) ? one : Object.values(one);
    for (const member of members) {
      if (values.length === MOST_CHECKED) break;
      values.push(member);
    }
  }
  return undefined;
}

/**
 * Whether a structured clone of the object would lose its content: it is an instance without members of its
 * own, and of none of the built-in classes whose content is cloned.
 */
const isLost = (value: object): boolean =>
  isEmptyInstance(value) &&
  !types.isDate(value) &&
  !types.isRegExp(value) &&
  !types.isMap(value) &&
  !types.isSet(value) &&
  !types.isNativeError(value) &&
  !types.isAnyArrayBuffer(value) &&
  !types.isBoxedPrimitive(value);
