// Content codings made on the fly. Only where a route asks for it: a compressed answer that holds both a secret and
// text of the client's choice tells the secret by its length (BREACH).
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Values } from './handler.js';
import { acceptedCodings } from './negotiate.js';

export type Coding = 'br' | 'gzip';

/** In our order of preference: br is smaller at about the same cost. */
const CODINGS = ['br', 'gzip'] as const;
/** Below it the fields of the answer weigh more than what is saved. */
export const DEFAULT_THRESHOLD_BYTES = 1024;

/** What gets smaller: text in all its forms. */
const COMPRESSIBLE =
  /^(?:text\/(?!event-stream)|application\/(?:json|javascript|xml|wasm|manifest\+json|.+\+json|.+\+xml)|image\/(?:svg\+xml|bmp|x-icon)|font\/(?:ttf|otf))/i;

/** Levels for answers that somebody waits for. */
const BROTLI = {
  params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 },
  flush: zlib.constants.BROTLI_OPERATION_PROCESS,
};
const GZIP = { level: 6 };

const brotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);

export const isCompressible = (contentType: string): boolean => COMPRESSIBLE.test(contentType);

/** Best first; none when the answer is better sent as it is. */
export const codingsFor = (headers: Values): readonly Coding[] =>
  acceptedCodings(headers, CODINGS) as readonly Coding[];

/** On a thread of the pool. */
export function compressed(body: Uint8Array, coding: Coding): Promise<Uint8Array> {
  return coding === 'br' ? brotli(body, BROTLI) : gzip(body, GZIP);
}

/** @param prompt every piece of the source can be read at once; costs some of the compression */
export function compressing(
  source: AsyncIterable<Uint8Array | string>,
  coding: Coding,
  prompt: boolean,
): AsyncIterable<Uint8Array> {
  const coder =
    coding === 'br'
      ? zlib.createBrotliCompress({
          ...BROTLI,
          ...(prompt ? { flush: zlib.constants.BROTLI_OPERATION_FLUSH } : {}),
        })
      : zlib.createGzip({ ...GZIP, ...(prompt ? { flush: zlib.constants.Z_SYNC_FLUSH } : {}) });
  // What goes wrong with the source, the reader of the coder is told.
  pipeline(source, coder).catch((error: Error) => coder.destroy(error));
  return coder;
}
