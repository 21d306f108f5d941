// permessage-deflate (RFC 7692) without context take-over. A message is compressed and inflated on its own,
// so no socket keeps a compressor, which takes more memory than the rest of a socket.
//
// This is done at once, not in the thread pool: messages stay in order, one at a time takes memory, and
// `maxPayload` bounds the time of one. A chunk may hold hundreds that inflate to a thousand times their size,
// so in a long turn the next one waits for another turn.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { TurnWatch } from '../turn-watch.js';
import { type Inflated, loadWsLibrary } from './ws-library.js';

const NAME = 'permessage-deflate';
/** The end of a compressed message, which is not sent (section 7.2.1). */
const TAIL = Buffer.of(0, 0, 0xff, 0xff);
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH } as const;

/**
 * Accepts the first offer of a client that leaves us the largest window: with a smaller one, a message to
 * many sockets would have to be compressed for each size.
 * @param offered the value of Sec-WebSocket-Extensions
 * @returns the value for the response; undefined when nothing was agreed on
 */
export function agreedDeflate(offered: string): string | undefined {
  const { PerMessageDeflate, extension } = loadWsLibrary();
  try {
    const offers = extension.parse(offered)[NAME];
    if (offers === undefined) return undefined;
    const params = new PerMessageDeflate({
      isServer: true,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: false,
    }).accept(offers);
    return extension.format({ [NAME]: [params] });
  } catch {
    // A client whose offer is unknown or malformed gets a connection without compression.
    return undefined;
  }
}

export const deflatedForSocket = (data: string | Uint8Array): Uint8Array =>
  deflateRawSync(data, FLUSH).subarray(0, -TAIL.length);

/** Inflates the messages of one socket, for a FrameReader. */
export class MessageInflater {
  readonly #maxPayload: number;
  readonly #turns: Pick<TurnWatch, 'isLong'>;
  #fragments: Buffer[] = [];

  constructor(maxPayload: number, turns: Pick<TurnWatch, 'isLong'>) {
    this.#maxPayload = maxPayload;
    this.#turns = turns;
  }

  decompress(data: Buffer, isLast: boolean, done: Inflated): void {
    this.#fragments.push(data);
    const later = this.#turns.isLong() ? setImmediate : queueMicrotask;
    later(() => {
      if (!isLast) {
        done(null, Buffer.alloc(0));
        return;
      }
      const deflated = Buffer.concat([...this.#fragments, TAIL]);
      this.#fragments = [];
      let inflated: Buffer;
      try {
        inflated = inflateRawSync(deflated, { ...FLUSH, maxOutputLength: this.#maxPayload });
      } catch (error) {
        done(error as Error);
        return;
      }
      done(null, inflated);
    });
  }
}
