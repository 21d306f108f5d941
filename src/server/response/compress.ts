// Compresses responses: those of routes that opt in, and fixed texts without secrets (`KeptText`). The length
// of a compressed response that holds both a secret and text of the client's choice reveals the secret
// (BREACH).
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { toError } from '../../telemetry/to-error.js';
import type { ReadonlyFields } from '../handler.js';
import { acceptedCodings } from './negotiate.js';
import { type Pieces, StreamSource } from './stream-source.js';

export type Coding = 'br' | 'gzip';

/** The order of preference: br is smaller at about the same cost. */
const CODINGS = ['br', 'gzip'] as const;
/** Smaller responses save less than the additional header fields take. */
export const DEFAULT_THRESHOLD_BYTES = 1024;

/**
 * Types that become smaller: text in all its forms but event streams, and binary formats without compression.
 */
const COMPRESSIBLE =
  /^(?:text\/(?!event-stream)|application\/(?:json|javascript|xml|wasm|manifest\+json|.+\+json|.+\+xml)|image\/(?:svg\+xml|bmp|x-icon)|font\/(?:ttf|otf))/i;

/** These levels are fast enough for responses that a client waits for. */
const BROTLI = {
  params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 },
  flush: zlib.constants.BROTLI_OPERATION_PROCESS,
};
const GZIP = { level: 6 };

const brotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);

export const isCompressible = (contentType: string): boolean => COMPRESSIBLE.test(contentType);

/** Returns the codings that the client prefers, best first; none when the plain response is better. */
export const codingsFor = (headers: ReadonlyFields): readonly Coding[] =>
  acceptedCodings(headers, CODINGS) as readonly Coding[];

/** Compresses a whole body on a thread of libuv's pool. */
export function compressed(body: Uint8Array, coding: Coding): Promise<Uint8Array> {
  return coding === 'br' ? brotli(body, BROTLI) : gzip(body, GZIP);
}

/**
 * A text that does not change. Each compressed form of it is made once, for the first client that accepts it.
 */
export class KeptText {
  readonly bytes: Uint8Array;
  readonly #forms = new Map<Coding, Promise<Uint8Array>>();

  constructor(text: string) {
    this.bytes = Buffer.from(text);
  }

  /** @returns undefined when the text is better sent as it is */
  form(
    headers: ReadonlyFields,
  ): { readonly coding: Coding; readonly bytes: Promise<Uint8Array> } | undefined {
    const [coding] = this.bytes.length < DEFAULT_THRESHOLD_BYTES ? [] : codingsFor(headers);
    if (coding === undefined) return undefined;
    let bytes = this.#forms.get(coding);
    if (bytes === undefined) {
      bytes = compressed(this.bytes, coding);
      this.#forms.set(coding, bytes);
      bytes.catch(() => this.#forms.delete(coding));
    }
    return { coding, bytes };
  }
}

/**
 * Compresses a source while it is read. The source is released when the result is not read to its end. The
 * coder is made only when the reading begins: Node.js ends the process when one is made where the stack of a
 * handler is almost exhausted.
 * @param prompt flush every piece of the source at once, which costs some of the compression
 * @param failed called with what releasing the source throws
 */
export function compressing(
  pieces: Pieces,
  coding: Coding,
  prompt: boolean,
  failed: (error: unknown) => void,
): AsyncIterable<Uint8Array> & { destroy(): void } {
  const source = new StreamSource(pieces, failed);
  let coder: Transform | undefined;
  return {
    [Symbol.asyncIterator]() {
      coder = coderOf(coding, prompt);
      coder.once('close', () => source.cancel());
      // The reader of the coder gets the same error.
      coder.on('error', () => {});
      void feed(source, coder);
      return coder[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    },
    destroy() {
      if (coder === undefined) source.cancel();
      else coder.destroy();
    },
  };
}

function coderOf(coding: Coding, prompt: boolean): Transform {
  if (coding === 'gzip') {
    return zlib.createGzip({ ...GZIP, ...(prompt ? { flush: zlib.constants.Z_SYNC_FLUSH } : {}) });
  }
  const flush = prompt ? { flush: zlib.constants.BROTLI_OPERATION_FLUSH } : {};
  return zlib.createBrotliCompress({ ...BROTLI, ...flush });
}

/** Never rejects: an error of the source reaches the reader of the coder. */
async function feed(source: StreamSource, coder: Transform): Promise<void> {
  try {
    for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
      if (coder.destroyed) return;
      if (!coder.write(piece)) await drained(coder);
    }
    coder.end();
  } catch (error) {
    coder.destroy(toError(error));
  }
}

/** Resolves when the coder accepts more, or has ended. */
function drained(coder: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      coder.off('drain', done).off('close', done);
      resolve();
    };
    coder.once('drain', done).once('close', done);
  });
}
