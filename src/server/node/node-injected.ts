// A request without a socket for an application of `node:http`: a client and a server of Node.js, connected
// by two streams in memory. So the application gets real objects, and what it writes is a real response.
import { createServer, type IncomingMessage, request as requestBy } from 'node:http';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { NodeMessages, TakeOverEvents } from '../exchange.js';
import type { RequestHead } from '../request-head.js';
import { byteString } from '../response/field-octets.js';
import { NodeTaken } from './node-taken.js';

/** Heads have limits of their own, where they are limited. */
const MOST_HEADER_BYTES = 1 << 24;

export interface InjectedTarget {
  readonly head: RequestHead;
  /** The address of the client. */
  readonly address: string;
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly events: TakeOverEvents;
  readonly bodyLimit: number;
  /** The response begins. Its body is to be read. */
  readonly responded: (response: IncomingMessage) => void;
  /** There is no response, or no more of it. */
  readonly failed: (error: unknown) => void;
}

export interface InjectedMessages extends NodeMessages {
  readonly taken: NodeTaken;
  /** Closes the connection. */
  close(): void;
}

/** @returns undefined when the connection has ended before its request arrived */
export function injectMessages(target: InjectedTarget): Promise<InjectedMessages | undefined> {
  const [near, far] = connection(target.address);
  // What is being written has its end before, so the response is finished for Node.js, too.
  const close = (): void => void setImmediate(() => near.destroy());
  return new Promise((resolve) => {
    const server = createServer({ maxHeaderSize: MOST_HEADER_BYTES }, (request, response) => {
      const owner = { endsConnection: () => true, passed, finished: () => void far.end(), cut: close };
      const taken = new NodeTaken(owner, { request, response }, far, target.events, target.bodyLimit);
      resolve({ request, response, taken, close });
    });
    server.on('clientError', close);
    far.on('close', () => resolve(undefined));
    server.emit('connection', far);
    send(target, near);
  });
}

function send({ head, body, responded, failed }: InjectedTarget, near: Duplex): void {
  const { method, path, query, headers } = head;
  const client = requestBy({
    createConnection: () => near,
    method,
    path: byteString(query === '' ? path : `${path}?${query}`),
    headers: headers.map((text) => byteString(text)) as never,
    maxHeaderSize: MOST_HEADER_BYTES,
  });
  client.on('response', responded);
  client.on('error', failed);
  // Node.js would write the head in the coding of a text that follows it.
  if (typeof body === 'string') client.end(Buffer.from(body));
  else if (body instanceof Uint8Array) client.end(body);
  else pipeline(body, client).catch(failed);
}

/** Nothing else waits for this connection. */
function passed(): void {}

/** Two ends of one connection. */
function connection(address: string): readonly [Duplex, Duplex] {
  const [near, far] = [new End(), new ServerEnd(address)];
  near.peer = far;
  far.peer = near;
  return [near, far];
}

class End extends Duplex {
  peer: End | undefined;
  /** Called when the peer may send more. */
  #more: (() => void) | undefined;

  override _read(): void {
    const more = this.#more;
    this.#more = undefined;
    more?.();
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const peer = this.peer!;
    // The peer reads it later, as behind a socket: not while the writer is in the middle of a call.
    queueMicrotask(() => {
      if (peer.destroyed || peer.push(piece)) done();
      else peer.#more = done;
    });
  }

  override _final(done: () => void): void {
    this.peer!.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    done(error);
    this.peer!.destroy();
  }
}

/** What the application has as its socket: it may set what a socket in memory does not need. */
class ServerEnd extends End {
  readonly remoteAddress: string;
  readonly remoteFamily: string;
  readonly remotePort = 0;
  readonly localAddress = '127.0.0.1';
  readonly localFamily = 'IPv4';
  readonly localPort = 0;
  readonly connecting = false;
  readonly pending = false;
  bytesRead = 0;
  bytesWritten = 0;
  /** Node.js reads it as that of a socket: a response is not finished whose last bytes were lost. */
  _hadError = false;

  constructor(address: string) {
    super();
    this.remoteAddress = address;
    this.remoteFamily = address.includes(':') ? 'IPv6' : 'IPv4';
  }

  override push(piece: Buffer | null): boolean {
    this.bytesRead += piece?.length ?? 0;
    return super.push(piece);
  }
  override _write(piece: Buffer, encoding: BufferEncoding, done: () => void): void {
    this.bytesWritten += piece.length;
    super._write(piece, encoding, done);
  }
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this._hadError = true;
    super._destroy(error, done);
  }

  /** Node.js calls it with a time of its own; the request has a deadline. */
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  address(): { readonly address: string; readonly family: string; readonly port: number } {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }
  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }
  resetAndDestroy(): this {
    return this.destroy();
  }
}
