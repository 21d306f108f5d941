// Files on disk. A file is named by the hash of its bytes, so a client chooses no names, and the same file is stored once.
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { HttpError } from 'multilane';
import { extensionOf, HEAD_BYTES, TYPES } from './types.js';

export const MAX_FILE_BYTES = 50 * 1024 * 1024;

/** The folder of the files. Names that begin with a dot are unfinished uploads, which `ctx.file` does not find. */
export const FILES = process.env.FILES_DIR ?? fileURLToPath(new URL('./files', import.meta.url));

/**
 * Stores a file while it arrives. An upload that fails leaves nothing behind: it is too large, of a type that is not
 * accepted, or its client has left.
 * @param {AsyncIterable<Uint8Array>} content
 */
export async function storeFile(content) {
  await mkdir(FILES, { recursive: true });
  const unfinished = `${FILES}/.${randomUUID()}`;
  const hash = createHash('sha256');
  let bytes = 0;
  let head = Buffer.alloc(0);
  const check = async function* (source) {
    for await (const piece of source) {
      if (head.length < HEAD_BYTES) {
        head = Buffer.concat([head, piece.subarray(0, HEAD_BYTES - head.length)]);
        if (head.length === HEAD_BYTES) requireKnownType(head);
      }
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
  };
  try {
    await pipeline(Readable.from(content, { objectMode: false }), check, createWriteStream(unfinished));
    const extension = requireKnownType(head);
    const name = `${hash.digest('hex').slice(0, 32)}.${extension}`;
    // A name that is there already has the same bytes.
    await rename(unfinished, `${FILES}/${name}`);
    return { name, type: TYPES[extension], bytes };
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** @param {Buffer} head @returns {string} the extension @throws {HttpError} */
function requireKnownType(head) {
  const extension = extensionOf(head);
  if (extension !== undefined) return extension;
  throw new HttpError('UNSUPPORTED_MEDIA_TYPE', `The file is none of: ${Object.keys(TYPES).join(', ')}.`);
}

export async function listFiles() {
  const names = await readdir(FILES).catch((error) => {
    // Before the first upload there is no folder.
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => !name.startsWith('.')).sort();
}
