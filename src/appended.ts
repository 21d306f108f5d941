// The bytes of a body that is read as a whole, while they arrive.

/**
 * @param length how many bytes of `bytes` have arrived
 * @param most how many will arrive @default unknown
 * @returns how large the result of `appended` is
 */
export function sizeWith(bytes: Buffer, length: number, chunk: Uint8Array, most = Infinity): number {
  const needed = length + chunk.length;
  return needed > bytes.length ? Math.min(most, Math.max(needed, 2 * bytes.length)) : bytes.length;
}

/**
 * Appends a chunk to the bytes that have arrived. A buffer for each chunk would cost many times its content:
 * chunks may be of one byte.
 * @param length how many bytes of `bytes` have arrived
 * @param most how many will arrive @default unknown
 * @returns `bytes`, or a larger copy
 */
export function appended(bytes: Buffer, length: number, chunk: Uint8Array, most?: number): Buffer {
  const size = sizeWith(bytes, length, chunk, most);
  let room = bytes;
  if (size > bytes.length) {
    room = Buffer.allocUnsafeSlow(size);
    bytes.copy(room, 0, 0, length);
  }
  room.set(chunk, length);
  return room;
}
