// The pieces of a chunked body as they are kept while nothing reads them. `node:http` makes a Buffer of each
// chunk, so a client could have the server hold hundreds of times the bytes that it sends. Small pieces of
// one turn of the event loop are joined. A client that sends thousands of tiny ones in one turn wants to keep
// the event loop busy, and is refused.
import type { IncomingMessage } from 'node:http';
import type { HttpError } from '../../errors.js';
import { ServerRefusal } from '../server-refusal.js';

/**
 * A body with more than FLOOD_PIECES pieces in one turn of the event loop is refused if they hold fewer than
 * FLOOD_BYTES bytes each, on average.
 */
const FLOOD_PIECES = 4096;
const FLOOD_BYTES = 16;
/** Smaller pieces are joined. */
const SMALL_BYTES = 1024;

/** Emitted by a message when its body is such a flood. Nothing more of the body is kept then. */
export const FLOOD = 'flood';

const FLOODED = Symbol('flooded');
type Flooding = IncomingMessage & { [FLOODED]?: boolean };

/** Emits FLOOD once more if the body became a flood while its request waited, and nothing looked after it. */
export function reportFlood(message: IncomingMessage): void {
  if ((message as Flooding)[FLOODED] === true) message.emit(FLOOD);
}

export const flood = (): HttpError =>
  new ServerRefusal('MALFORMED_REQUEST', 'The body came in thousands of pieces of a few bytes each.');

const CODING = 'transfer-encoding';

export class ChunkJoiner {
  readonly #message: Flooding;
  readonly #push: (piece: Uint8Array) => boolean;
  #joined: Uint8Array[] = [];
  /** Pieces and bytes in this turn of the event loop. */
  #pieces = 0;
  #bytes = 0;
  #isFlood = false;

  /** @param push adds a piece to the stream of the message */
  constructor(message: IncomingMessage, push: (piece: Uint8Array) => boolean) {
    this.#message = message;
    this.#push = push;
  }

  /** @returns false when no more is to be read for now */
  add(piece: Uint8Array): boolean {
    if (this.#isFlood) return false;
    if (this.#pieces === 0) setImmediate(() => this.#endTurn());
    this.#pieces++;
    this.#bytes += piece.length;
    if (this.#pieces > FLOOD_PIECES && this.#bytes < this.#pieces * FLOOD_BYTES) {
      this.#flooded();
      return false;
    }
    // The first one is usually the only one.
    if (this.#pieces === 1 || piece.length >= SMALL_BYTES) {
      this.flush();
      return this.#push(piece);
    }
    this.#joined.push(piece);
    return this.#message.readableLength < this.#message.readableHighWaterMark;
  }

  /** Adds what was joined to the stream. */
  flush(): void {
    const joined = this.#joined;
    if (joined.length === 0) return;
    this.#joined = [];
    if (!this.#message.destroyed) this.#push(joined.length === 1 ? joined[0]! : Buffer.concat(joined));
  }

  #endTurn(): void {
    this.#pieces = 0;
    this.#bytes = 0;
    this.flush();
  }

  #flooded(): void {
    this.#isFlood = true;
    this.#joined = [];
    this.#message[FLOODED] = true;
    this.#message.emit(FLOOD);
  }
}

/** Without `headers` of the message, which Node.js makes when they are read. */
export function isChunked({ rawHeaders }: IncomingMessage): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length === CODING.length && name.toLowerCase() === CODING) return true;
  }
  return false;
}
