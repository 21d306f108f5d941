// Makes a plain Uint8Array of the bytes that a handler returns. `instanceof` and `length` cannot be trusted:
// an object may only look like a Uint8Array, and an own property may hide the real length.
import { types } from 'node:util';
import { kindOf } from '../value-kind.js';

const TypedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const own = (bytes: Uint8Array, name: 'buffer' | 'byteOffset' | 'byteLength'): unknown =>
  Reflect.get(TypedArray, name, bytes);

/**
 * @param what names the value in the message
 * @throws TypeError for anything but a Uint8Array
 */
export function plainBytes(what: string, value: unknown): Uint8Array {
  if (!types.isUint8Array(value)) throw new TypeError(`${what} must be a Uint8Array, not ${kindOf(value)}`);
  const buffer = own(value, 'buffer') as ArrayBufferLike;
  const bytes = new Uint8Array(
    buffer,
    own(value, 'byteOffset') as number,
    own(value, 'byteLength') as number,
  );
  // Another thread could still change shared memory.
  return types.isSharedArrayBuffer(buffer) ? bytes.slice() : bytes;
}

/**
 * Checks bytes that are sent over several turns of the event loop. Their memory still belongs to the handler,
 * which may transfer it, resize it or let a WebAssembly memory grow. The client must not take the part that
 * was sent for the whole.
 * @throws TypeError when the bytes no longer have this length
 */
export function checkLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new TypeError('the memory of a response was detached or resized before all of it was sent');
  }
}
