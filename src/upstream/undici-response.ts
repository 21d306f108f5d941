// What all readers of responses that undici receives have in common.

export const NO_BYTES = Buffer.alloc(0);

/**
 * @param length how many bytes of `bytes` have arrived
 * @returns how large the result of `appended` is
 */
export function sizeWith(bytes: Buffer, length: number, chunk: Buffer): number {
  const needed = length + chunk.length;
  return needed > bytes.length ? Math.max(needed, 2 * bytes.length) : bytes.length;
}

/**
 * Appends a chunk to the bytes that have arrived. A buffer for each chunk would cost many times its content:
 * chunks may be of one byte.
 * @param length how many bytes of `bytes` have arrived
 * @returns `bytes`, or a larger copy
 */
export function appended(bytes: Buffer, length: number, chunk: Buffer): Buffer {
  const size = sizeWith(bytes, length, chunk);
  let room = bytes;
  if (size > bytes.length) {
    room = Buffer.allocUnsafeSlow(size);
    bytes.copy(room, 0, 0, length);
  }
  chunk.copy(room, length);
  return room;
}

/**
 * Whether an error only means that a 304 has no body. It may have the length of the response that it stands
 * for (RFC 9110 section 8.6).
 */
export const isBodilessEnd = (status: number, error: Error): boolean =>
  status === 304 && (error as NodeJS.ErrnoException).code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH';

/** What undici gets as the reason of an abort. The caller gets the true one, which may be any value. */
export const abortError = (): Error => new Error('the request was aborted');
