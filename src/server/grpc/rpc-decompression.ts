// Decompresses the messages of calls in place of grpc-js, which takes memory for them without asking: a
// message of a kilobyte may become a megabyte. Here the memory is claimed piece by piece, as it is needed.
//
// The library shows the step nowhere, so a private method is replaced; package.json allows only versions of
// the library that have it.
import { createGunzip, createInflate } from 'node:zlib';
import { HttpError } from '../../errors.js';
import { type Linked, LinkedList } from '../../linked-list.js';
import { bodyTooLarge } from '../body/body.js';
import { doesNotFit } from './library-handlers.js';
import type { RpcCall } from './rpc-call.js';
import { messageIn } from './rpc-frames.js';

/** The encodings of messages that are accepted. */
export const ENCODINGS: readonly string[] = ['identity', 'deflate', 'gzip'];

/** zlib works in four threads of Node.js, so more decoders at a time would only hold more memory. */
const MOST_DECODERS = 4;

interface Turn extends Linked<Turn> {
  readonly begin: () => void;
}

/** The messages that a thread decompresses: some at a time, the others in the order of their arrival. */
export class Decompression {
  readonly #maxBytes: number;
  readonly #waiting = new LinkedList<Turn>();
  #running = 0;

  /** @param maxBytes the most that a message may decompress to */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @param encoding gzip or deflate
   * @param claim takes memory for further bytes; what it throws ends the decompression
   * @throws HttpError BODY_TOO_LARGE, MALFORMED_REQUEST, and what `claim` throws
   */
  async run(message: Uint8Array, encoding: string, claim: (bytes: number) => void): Promise<Uint8Array> {
    if (this.#running < MOST_DECODERS) this.#running += 1;
    else await new Promise<void>((begin) => this.#waiting.add({ begin }));
    try {
      return await this.#decoded(message, encoding, claim);
    } finally {
      this.#pass();
    }
  }

  /** The next one in the line takes the place. */
  #pass(): void {
    const next = this.#waiting.oldest;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.remove(next);
    next.begin();
  }

  async #decoded(message: Uint8Array, encoding: string, claim: (bytes: number) => void): Promise<Uint8Array> {
    // A call that was over while it waited needs no decoder.
    claim(0);
    const decoder = encoding === 'gzip' ? createGunzip() : createInflate();
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    try {
      decoder.end(message);
      for await (const piece of decoder as AsyncIterable<Uint8Array>) {
        bytes += piece.byteLength;
        if (bytes > this.#maxBytes) throw bodyTooLarge(this.#maxBytes);
        claim(piece.byteLength);
        pieces.push(piece);
      }
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new HttpError('MALFORMED_REQUEST', `A message of the request is no valid ${encoding}.`, {
        cause: error,
      });
    }
    return Buffer.concat(pieces);
  }
}

/** What grpc-js calls for each message. */
interface Decompressing {
  decompressMessage?: (frame: Uint8Array, encoding: string) => Promise<Uint8Array> | Uint8Array;
}

export interface CallDecompression {
  readonly decompression: Decompression;
  /** Takes memory for further bytes, or throws. */
  readonly claim: (bytes: number) => void;
  /** Ends the call. */
  readonly failed: (error: HttpError) => void;
}

/**
 * Leads the messages of a call through a `Decompression`, one after another.
 * @throws Error for a version of the library without this method
 */
export function decompressBy(call: RpcCall, { decompression, claim, failed }: CallDecompression): void {
  const decompressing = call as unknown as Decompressing;
  const { decompressMessage: byLibrary } = decompressing;
  if (typeof byLibrary !== 'function') throw doesNotFit();
  let before: Promise<unknown> = Promise.resolve();
  decompressing.decompressMessage = (frame, encoding) => {
    if (frame[0] !== 1 || encoding === 'identity') return byLibrary.call(call, frame, encoding);
    // Nothing decompresses to nothing, and needs no decoder.
    const contents = messageIn(frame);
    if (contents.byteLength === 0) return contents;
    return new Promise<Uint8Array>((resolve) => {
      const run = async (): Promise<void> => {
        try {
          resolve(await decompression.run(contents, encoding, claim));
        } catch (error) {
          // The library hears nothing of it: it would send a status of its own.
          failed(error as HttpError);
        }
      };
      before = before.then(run);
    });
  };
}
