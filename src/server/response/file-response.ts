// Sends a file as a response: conditionally, in ranges, compressed on request, and read only as fast as the
// client receives it.
import type { FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HttpError } from '../../errors.js';
import { lazyModule } from '../../lazy-module.js';
import { type FileOptions, type ReadonlyFields, SENT, type Sent } from '../handler.js';
import { type Coding, codingsFor, compressing, DEFAULT_THRESHOLD_BYTES, isCompressible } from './compress.js';
import { precondition, rangeOf, type Validators } from './conditional.js';
import { type OpenFile, openBelow } from './file-path.js';
import { FilePieces, PIECE_BYTES, readPart } from './file-pieces.js';
import { httpDate } from './http-date.js';

/** The part of the request context that sends a file. */
export interface FileResponder {
  readonly method: string;
  readonly headers: ReadonlyFields;
  readonly hasResponse: boolean;
  header(name: string, value: string): unknown;
  vary(name: string): unknown;
  reply(status: number, contentType: string | undefined, body: Uint8Array | null): Sent;
  /** Called when the file could not be closed. */
  sourceFailed(error: unknown): void;
  /** @param length the exact number of bytes, undefined when it is not known */
  replyStream(status: number, contentType: string, source: AsyncIterable<Uint8Array>, length?: number): Sent;
}

/** A file that was changed less than this ago may change again without a different time stamp. */
const SETTLED_MS = 2000;
const PRECOMPRESSED: Readonly<Record<Coding, string>> = { br: '.br', gzip: '.gz' };

const absent = (): HttpError => new HttpError('NOT_FOUND', 'There is no such file.');

const mimeTypes = lazyModule(() => import('mime/lite'));

/**
 * @param baseDir the folder that `root` is relative to
 * @throws HttpError NOT_FOUND, PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE; OVERLOADED when the process has no
 *   file descriptors left
 */
export async function sendFile(
  ctx: FileResponder,
  baseDir: string,
  root: string,
  path: string,
  options: FileOptions,
): Promise<Sent> {
  const folder = resolve(baseDir, root);
  const wanted = options.index !== undefined && /(?:^|\/)$/.test(path) ? path + options.index : path;
  const type = await typeOf(wanted);
  const isNegotiated = (options.compress === true || options.precompressed === true) && isCompressible(type);
  if (isNegotiated) ctx.vary('accept-encoding');
  // Ranges count the bytes that are sent, so a client that requests one gets the plain file.
  const codings = isNegotiated && !ctx.headers.has('range') ? codingsFor(ctx.headers) : [];
  const plain = await openBelow(folder, wanted);
  if (plain === undefined) throw absent();
  let file = plain;
  try {
    const precompressed =
      options.precompressed === true ? await openPrecompressed(folder, wanted, codings) : undefined;
    if (precompressed !== undefined) {
      await plain.handle.close();
      file = precompressed.file;
      return await send(ctx, file, type, precompressed.coding, false);
    }
    const isWorthIt = options.compress === true && Number(plain.stats.size) >= DEFAULT_THRESHOLD_BYTES;
    return await send(ctx, plain, type, isWorthIt ? codings[0] : undefined, true);
  } catch (error) {
    await file.handle.close();
    throw error;
  }
}

/** Opens the compressed file beside a file, in the best coding that exists. */
async function openPrecompressed(
  folder: string,
  path: string,
  codings: readonly Coding[],
): Promise<{ readonly file: OpenFile; readonly coding: Coding } | undefined> {
  for (const coding of codings) {
    const file = await openBelow(folder, path + PRECOMPRESSED[coding]);
    if (file !== undefined) return { file, coding };
  }
  return undefined;
}

/**
 * Sends the file and closes it. When this throws, the caller has to close it.
 * @param isPlain the file itself is not compressed
 */
async function send(
  ctx: FileResponder,
  { handle, stats }: OpenFile,
  type: string,
  coding: Coding | undefined,
  isPlain: boolean,
): Promise<Sent> {
  const size = Number(stats.size);
  const onTheFly = isPlain ? coding : undefined;
  const validators = validatorsOf(stats, coding, onTheFly !== undefined);
  const verdict = precondition(ctx.method, ctx.headers, validators);
  if (verdict === 'failed') throw new HttpError('PRECONDITION_FAILED', 'The file is not the one you have.');
  ctx.header('etag', validators.etag);
  ctx.header('last-modified', httpDate(validators.lastModified));
  ctx.header('x-content-type-options', 'nosniff');
  if (verdict === 'not-modified') {
    await handle.close();
    return ctx.reply(304, undefined, null);
  }
  if (coding !== undefined) ctx.header('content-encoding', coding);
  if (onTheFly !== undefined) return stream(ctx, 200, type, handle, 0, size, onTheFly);

  ctx.header('accept-ranges', 'bytes');
  const range = rangeOf(ctx.method, ctx.headers, validators, size);
  if (range === 'unsatisfiable') {
    throw new HttpError('RANGE_NOT_SATISFIABLE', 'The file has no such bytes.', {
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  if (range === 'whole') return stream(ctx, 200, type, handle, 0, size);
  ctx.header('content-range', `bytes ${range.first}-${range.last}/${size}`);
  return stream(ctx, 206, type, handle, range.first, range.last - range.first + 1);
}

async function stream(
  ctx: FileResponder,
  status: number,
  type: string,
  handle: FileHandle,
  from: number,
  length: number,
  coding?: Coding,
): Promise<Sent> {
  if (ctx.hasResponse) {
    // The client left while the file was opened.
    await handle.close();
    return SENT;
  }
  if (length <= PIECE_BYTES && coding === undefined && ctx.method !== 'HEAD') {
    const bytes = await readPart(handle, from, length);
    await handle.close();
    if (bytes.length !== length) throw new Error('a file became shorter while it was read');
    return ctx.reply(status, type, bytes);
  }
  if (ctx.method === 'HEAD') {
    await handle.close();
    return ctx.replyStream(status, type, NOTHING, coding === undefined ? length : undefined);
  }
  const pieces = new FilePieces(handle, from, length);
  if (coding === undefined) return ctx.replyStream(status, type, pieces, length);
  return ctx.replyStream(
    status,
    type,
    compressing(pieces, coding, false, (error) => ctx.sourceFailed(error)),
  );
}

const NOTHING: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

/**
 * @param isCompressedNow the bytes are compressed while they are sent. Another version of the compressor may
 *   make other bytes, so the entity tag is weak.
 */
function validatorsOf(
  stats: OpenFile['stats'],
  coding: Coding | undefined,
  isCompressedNow: boolean,
): Validators {
  const isSettled = Date.now() - Number(stats.mtimeMs) >= SETTLED_MS;
  const tag = `"${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}${coding === undefined ? '' : `-${coding}`}"`;
  return {
    etag: isSettled && !isCompressedNow ? tag : `W/${tag}`,
    lastModified: Math.floor(Number(stats.mtimeMs) / 1000) * 1000,
    isSettled,
  };
}

async function typeOf(path: string): Promise<string> {
  const { default: mime } = await mimeTypes();
  const type = mime.getType(path) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type}; charset=utf-8` : type;
}
