// Reads a part of an open file piece by piece.
import type { FileHandle } from 'node:fs/promises';

export const PIECE_BYTES = 64 * 1024;

/**
 * The pieces of a part of an open file. The file is closed when they have been read, or when their reader
 * returns early, even before the first piece.
 */
export class FilePieces implements AsyncIterableIterator<Uint8Array> {
  readonly #handle: FileHandle;
  #at: number;
  #left: number;

  constructor(handle: FileHandle, from: number, length: number) {
    this.#handle = handle;
    this.#at = from;
    this.#left = length;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#left === 0) return this.return();
    const piece = await readPart(this.#handle, this.#at, Math.min(PIECE_BYTES, this.#left));
    if (piece.length === 0) throw new Error('a file became shorter while it was read');
    this.#at += piece.length;
    this.#left -= piece.length;
    return { done: false, value: piece };
  }

  async return(): Promise<{ done: true; value: undefined }> {
    this.#left = 0;
    await this.#handle.close();
    return { done: true, value: undefined };
  }
}

/** Reads bytes of a file; fewer at its end. */
export async function readPart(handle: FileHandle, from: number, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, from);
  return buffer.subarray(0, bytesRead);
}
