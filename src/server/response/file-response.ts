// Sends a file as a response: conditionally, in ranges, compressed on request. A small file is sent from
// memory, a large one is read only as fast as the client receives it.
import type { FileHandle } from 'node:fs/promises';
import { errorMessage } from '../../error-text.js';
import { HttpError } from '../../errors.js';
import { OutOfFilesError } from '../../open-files.js';
import { type FileOptions, SENT, type Sent } from '../handler.js';
import { type Coding, codingsFor, compressing, DEFAULT_THRESHOLD_BYTES, isCompressible } from './compress.js';
import type { FileLooks, SeenFile } from './file-looks.js';
import { type FilePart, type PartRequest, partOf } from './file-part.js';
import { openFound } from './file-path.js';
import { FilePieces, PIECE_BYTES, readPart } from './file-pieces.js';
import { type FileVersion, versionOf } from './file-version.js';

/** The part of the request context that sends a file. */
export interface FileResponder extends PartRequest {
  readonly hasResponse: boolean;
  vary(name: string): unknown;
  reply(status: number, contentType: string | undefined, body: Uint8Array | null): Sent;
  /** Called when the file could not be closed. */
  sourceFailed(error: unknown): void;
  /** @param length the exact number of bytes, undefined when it is not known */
  replyStream(status: number, contentType: string, source: AsyncIterable<Uint8Array>, length?: number): Sent;
}

/** A file that is sent, from memory or from the disk. */
interface Source {
  readonly version: FileVersion;
  readonly bytes?: Uint8Array;
  /** Present when there are no bytes. What gets the source closes it. */
  readonly handle?: FileHandle;
}

const absent = (): HttpError => new HttpError('NOT_FOUND', 'There is no such file.');

/** Requests that share a look must not share its error, which their hooks may change. */
function rethrow(error: unknown): never {
  if (error instanceof OutOfFilesError) throw new OutOfFilesError(error.cause);
  throw new Error(errorMessage(error), { cause: error });
}

const PRECOMPRESSED: Readonly<Record<Coding, string>> = { br: '.br', gzip: '.gz' };

/**
 * @throws HttpError NOT_FOUND, PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE; OVERLOADED when the process has no
 *   file descriptors left
 */
export async function sendFile(
  ctx: FileResponder,
  looks: FileLooks,
  root: string,
  path: string,
  options: FileOptions,
): Promise<Sent> {
  const wanted = options.index !== undefined && /(?:^|\/)$/.test(path) ? path + options.index : path;
  const seen = await looks.look(root, wanted).catch(rethrow);
  if (seen === undefined) throw absent();
  const { type } = seen;
  const isNegotiated = (options.compress === true || options.precompressed === true) && isCompressible(type);
  if (isNegotiated) ctx.vary('accept-encoding');
  // Ranges count the bytes that are sent, so a client that requests one gets the plain file.
  const codings = isNegotiated && !ctx.headers.has('range') ? codingsFor(ctx.headers) : [];
  const plain = seen.small ?? (await opened(seen));
  if (plain === undefined) throw absent();
  if (options.precompressed === true && codings.length > 0) {
    const coded = await codedBeside(looks, root, wanted, codings, plain);
    if (coded !== undefined) return send(ctx, coded.source, type, coded.coding, true);
  }
  const isWorthIt = options.compress === true && plain.version.size >= DEFAULT_THRESHOLD_BYTES;
  return send(ctx, plain, type, isWorthIt ? codings[0] : undefined, false);
}

async function opened({ real }: SeenFile): Promise<Source | undefined> {
  const file = await openFound(real);
  return file && { version: versionOf(file.stats), handle: file.handle };
}

/** Finds the compressed file beside a file, in the best coding that exists. Otherwise `plain` stays open. */
async function codedBeside(
  looks: FileLooks,
  root: string,
  path: string,
  codings: readonly Coding[],
  plain: Source,
): Promise<{ readonly source: Source; readonly coding: Coding } | undefined> {
  try {
    for (const coding of codings) {
      const seen = await looks.look(root, path + PRECOMPRESSED[coding]).catch(rethrow);
      const source = seen && (seen.small ?? (await opened(seen)));
      if (source === undefined) continue;
      await plain.handle?.close();
      return { source, coding };
    }
  } catch (error) {
    await plain.handle?.close();
    throw error;
  }
  return undefined;
}

/** Sends a file and closes it. @param isCoded the file itself is in this coding */
function send(
  ctx: FileResponder,
  { version, bytes, handle }: Source,
  type: string,
  coding: Coding | undefined,
  isCoded: boolean,
): Sent | Promise<Sent> {
  if (handle !== undefined) return sendOpen(ctx, version, handle, type, coding, isCoded);
  return sendBytes(ctx, partOf(ctx, version, coding, isCoded), type, bytes!);
}

function sendBytes(ctx: FileResponder, part: FilePart, type: string, bytes: Uint8Array): Sent {
  const { status, from, length } = part;
  if (status === 304) return ctx.reply(status, undefined, null);
  // The client left while the file was looked at.
  if (ctx.hasResponse) return SENT;
  if (ctx.method === 'HEAD') return replyHead(ctx, part, type);
  if (part.compressAs !== undefined) return replyPieces(ctx, part, type, once(bytes));
  return ctx.reply(status, type, length === bytes.length ? bytes : bytes.subarray(from, from + length));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function sendOpen(
  ctx: FileResponder,
  version: FileVersion,
  handle: FileHandle,
  type: string,
  coding: Coding | undefined,
  isCoded: boolean,
): Promise<Sent> {
  try {
    const part = partOf(ctx, version, coding, isCoded);
    const { status, from, length } = part;
    if (status === 304 || ctx.hasResponse || ctx.method === 'HEAD') {
      await handle.close();
      if (status === 304) return ctx.reply(status, undefined, null);
      // The client may have left while the file was opened.
      return ctx.hasResponse ? SENT : replyHead(ctx, part, type);
    }
    if (length > PIECE_BYTES || part.compressAs !== undefined) {
      return replyPieces(ctx, part, type, new FilePieces(handle, from, length));
    }
    const bytes = await readPart(handle, from, length);
    await handle.close();
    if (bytes.length !== length) throw new Error('a file became shorter while it was read');
    return ctx.reply(status, type, bytes);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const NOTHING: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

const replyHead = (ctx: FileResponder, { status, length, compressAs }: FilePart, type: string): Sent =>
  ctx.replyStream(status, type, NOTHING, compressAs === undefined ? length : undefined);

/** The pieces are released when they are not read to their end. */
function replyPieces(
  ctx: FileResponder,
  { status, length, compressAs }: FilePart,
  type: string,
  pieces: AsyncIterable<Uint8Array>,
): Sent {
  if (compressAs === undefined) return ctx.replyStream(status, type, pieces, length);
  const coded = compressing(pieces, compressAs, false, (error) => ctx.sourceFailed(error));
  return ctx.replyStream(status, type, coded);
}
