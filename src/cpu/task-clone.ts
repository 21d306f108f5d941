// Serializes inputs and results of CPU tasks. The structured clone of an object that keeps its content in
// private fields, or in native code of Node.js, is an empty object. Such objects are rejected, since their
// receiver would not notice the loss.
import { types } from 'node:util';
import { isEmptyInstance } from '../json-form.js';
import { CloneDeserializer, CloneSerializer } from './clone-serializer.js';

// Tasks may change it.
const { structuredClone } = globalThis;

/** A value as it is sent to another thread. */
export interface Packed {
  /** The value in the format of structured clone. Its buffer holds nothing else. */
  readonly data: Uint8Array;
  /** Buffers of the value that are moved instead of copied. */
  readonly moved: readonly ArrayBuffer[];
}

/**
 * The most values that are checked: the value, its members, and then their members. That takes some
 * microseconds.
 */
const MOST_CHECKED = 1_000;

/**
 * @param listed buffers that are moved: afterwards they have no bytes here. When the value is refused, none
 *   has been moved.
 * @throws DataCloneError for a value that cannot be cloned; TypeError for an object that would arrive as an
 *   empty one, and for a buffer that cannot be moved; whatever getters throw
 */
export function packedClone(value: unknown, listed: readonly ArrayBuffer[] = []): Packed {
  // A getter of the value may change the list.
  const transfer = [...listed];
  checkTransfer(transfer);
  const data = serialize(value, transfer);
  refuseLost(value);
  return { data, moved: moveBuffers(transfer) };
}

/** Restores the value. */
export const unpackedClone = ({ data, moved }: Packed): unknown => {
  const deserializer = new CloneDeserializer(data, moved);
  deserializer.readHeader();
  return deserializer.readValue();
};

/** @throws DataCloneError; whatever getters throw */
export function serialize(value: unknown, transfer: readonly ArrayBuffer[] = []): Uint8Array {
  const serializer = new CloneSerializer(transfer);
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

/** @throws TypeError that names the buffer which cannot be moved */
function checkTransfer(transfer: readonly unknown[]): void {
  const seen = new Set<unknown>();
  for (const [at, buffer] of transfer.entries()) {
    if (!(buffer instanceof ArrayBuffer))
      throw new TypeError(`transfer[${at}] must be an ArrayBuffer; of a view give \`view.buffer\``);
    if (seen.has(buffer)) throw new TypeError(`transfer[${at}] is in the list twice`);
    if (isDetached(buffer))
      throw new TypeError(`transfer[${at}] was moved by an earlier call, and has no bytes any more`);
    seen.add(buffer);
  }
}

/** A view of a buffer that was moved cannot be made. (`detached` is not there before Node.js 22.) */
function isDetached(buffer: ArrayBuffer): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/**
 * Moves the bytes to new buffers, so that those of the caller are empty. Either all are moved, or none.
 * (Node.js 20 copies a buffer that it cannot move.)
 * @throws TypeError when one of them cannot be moved
 */
function moveBuffers(transfer: readonly ArrayBuffer[]): readonly ArrayBuffer[] {
  if (transfer.length === 0) return [];
  try {
    return structuredClone(transfer, { transfer: [...transfer] });
  } catch (cause) {
    throw new TypeError(
      'a buffer of `transfer` cannot be moved: it belongs to WebAssembly, or small Buffers share it; give a copy',
      { cause },
    );
  }
}

/** @throws TypeError for an object whose content would be lost */
function refuseLost(value: unknown): void {
  const lost = lostIn(value);
  if (lost === undefined) return;
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
    for (const member of membersOf(one)) {
      if (values.length === MOST_CHECKED) break;
      values.push(member);
    }
  }
  return undefined;
}

function* membersOf(value: object): Iterable<unknown> {
  if (types.isMap(value)) for (const entry of value) yield* entry;
  else if (types.isSet(value) || Array.isArray(value)) yield* value as Iterable<unknown>;
  else for (const name in value) if (Object.hasOwn(value, name)) yield (value as Members)[name];
}

type Members = Readonly<Record<string, unknown>>;

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
