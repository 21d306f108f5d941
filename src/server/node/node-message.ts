// The request of `node:http`, as the server makes it: it says which requests leave HTTP, and joins the small
// pieces of its body.
//
// Node.js hands every request with `Upgrade` to the listener of upgrades, if there is one, and does not read
// its body. Here only a request for a WebSocket is handed over, while no response is under way on its
// connection. Every other one is served: a server may ignore `Upgrade` (RFC 9110 section 7.8). Node.js 24 has
// an option for that, and older versions have not. CONNECT is served as well, in its turn: with a refusal.
//
// A request without a body is over with its response. Node.js would read its empty stream to the end, which
// takes several callbacks in later turns. And a body of known length can be read as it comes from the parser:
// its stream would keep each piece until a later callback, although its reader waits for it.
import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ChunkJoiner, isChunked } from './node-pieces.js';

/** What the parser has found, then what was decided. */
const UPGRADE = Symbol('upgrade');

/** Nothing of the stream is to be read any more. */
const OVER = Symbol('over');

/** The pieces of the body are passed on as they arrive. */
const RAW = Symbol('raw');

/** The request is served although the parser takes it for the last one of HTTP. */
const STAYS = Symbol('stays');
const READER = Symbol('reader');
const FLUSH = Symbol('flush');

/** @returns false when no more is to be read for now */
type Reader = (piece: Uint8Array) => boolean | undefined;

interface Message extends IncomingMessage {
  [UPGRADE]: unknown;
  [STAYS]?: boolean;
  [OVER]?: boolean;
  [RAW]?: boolean;
  [READER]?: Reader;
  [FLUSH]?(): void;
}

/**
 * The parser skips what the packet holds behind CONNECT, and behind a request that asks for another protocol,
 * so where the next request begins is unknown.
 */
export function losesNext(message: IncomingMessage): boolean {
  return (message as Message)[STAYS] === true;
}

/**
 * Call before an application reads the body by itself. What has arrived is in the stream then, and nothing
 * more is joined.
 */
export function passPieces(message: IncomingMessage): void {
  (message as Message)[FLUSH]?.();
  (message as Message)[RAW] = true;
}

/** Call before the response of a request is complete that has no body, or whose body has been read. */
export function endMessage(message: IncomingMessage): void {
  (message as Message)[OVER] = true;
}

/**
 * Reads a body of known length past its stream.
 * @returns false when some of it is in the stream already, or something else reads that
 */
export function readDirectly(message: IncomingMessage, reader: Reader): boolean {
  if (message.complete || message.readableLength > 0 || message.readableFlowing !== null) return false;
  (message as Message)[READER] = reader;
  return true;
}

/** Goes on to read, after a reader has returned false. */
export function readOn(message: IncomingMessage): void {
  message._read(0);
}

export interface MessageHost {
  /** Whether a GET that asks for a WebSocket finds one, on a connection that is free. */
  mayOpen(request: IncomingMessage): boolean | undefined;
  /** A piece of the body is parsed. */
  arrives(request: IncomingMessage): void;
}

export function messageClass(host: MessageHost): typeof IncomingMessage {
  class ArrivingMessage extends IncomingMessage {
    /** Undefined before the first piece of a body, and null for one that is not chunked. */
    #joiner: ChunkJoiner | null | undefined;

    /** Node.js calls it with each piece of the body, and with null at its end. */
    override push(piece: Uint8Array | null): boolean {
      const { [RAW]: isRaw, [READER]: reader } = this as unknown as Message;
      if (piece !== null) host.arrives(this);
      if (reader !== undefined) return piece === null ? this.#end() : reader(piece) === true;
      if (isRaw === true) return super.push(piece);
      if (piece === null) {
        this.#joiner?.flush();
        return super.push(null);
      }
      if (this.#joiner === undefined)
        this.#joiner = isChunked(this) ? new ChunkJoiner(this, (joined) => super.push(joined)) : null;
      return this.#joiner === null ? super.push(piece) : this.#joiner.add(piece);
    }

    [FLUSH](): void {
      this.#joiner?.flush();
    }

    /** The stream has nothing that could end. Behind the response, the parser waits to forget the request. */
    #end(): boolean {
      endMessage(this);
      return this.emit('end');
    }

    /** Node.js calls it behind the response, to read what nothing has read. */
    _dump(): void {
      const { [OVER]: isOver, [READER]: reader } = this as unknown as Message;
      if (isOver !== true && reader === undefined) dump.call(this);
    }
  }
  // A connection that was cut is left as well: Node.js would make requests of all that its packet still
  // holds.
  Object.defineProperty(ArrivingMessage.prototype, 'upgrade', {
    get(this: Message) {
      if (this.socket.destroyed) return true;
      if (this[UPGRADE] === true) {
        this[UPGRADE] = asksForSocket(this) && host.mayOpen(this) === true;
        this[STAYS] = this[UPGRADE] === false;
      }
      return this[UPGRADE] === true;
    },
    set(this: Message, value: unknown) {
      this[UPGRADE] = value;
    },
  });
  Object.defineProperty(ArrivingMessage.prototype, 'readableEnded', {
    get(this: Message) {
      return this[OVER] === true || isEnded.call(this);
    },
  });
  return ArrivingMessage;
}

const { _dump: dump } = IncomingMessage.prototype as unknown as { _dump: () => void };
const { get: isEnded } = Object.getOwnPropertyDescriptor(Readable.prototype, 'readableEnded') as {
  get: () => boolean;
};

/** A request with a body, or with HTTP/1.0, is none for a WebSocket. */
function asksForSocket({ method, headers, httpVersionMinor }: IncomingMessage): boolean {
  const { upgrade = '', 'content-length': length = '0' } = headers;
  if (method !== 'GET' || length !== '0' || headers['transfer-encoding'] !== undefined) return false;
  if (httpVersionMinor === 0) return false;
  return upgrade.split(',').some((name) => name.trim().toLowerCase() === 'websocket');
}
