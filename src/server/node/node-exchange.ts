// One request of a socket and its response, on `node:http`.
//
// connection-ending.ts decides what happens to the connection after the response. A response that comes
// before the end of its request's body is complete for the client, but `end` is called only when the client
// has sent the rest, or has stopped sending: at `end` Node.js closes the connection, the kernel would reset
// it because of the unread bytes, and the client might lose the response.
import type { IncomingMessage } from 'node:http';
import type { HttpError } from '../../errors.js';
import { bodyTooLarge, clientClosed } from '../body/body.js';
import { type Ending, endingOf } from '../connection-ending.js';
import type { Acceptance, BodyReading, Exchange, NodeMessages, TakeOverEvents } from '../exchange.js';
import { CLOSE_AFTER_MS, END_AFTER_MS } from '../lingering.js';
import type { RequestHead } from '../request-head.js';
import { byteString } from '../response/field-octets.js';
import { checkLength } from '../response/plain-bytes.js';
import { type BodyEvents, NodeBody } from './node-body.js';
import type { NodeConnection } from './node-connection.js';
import type { NodeExchangeHost, OpenedSocket } from './node-exchange-host.js';
import { headText } from './node-head.js';
import { endMessage, passPieces } from './node-message.js';
import { flushHead, ONE_WRITE_BYTES, type OwnResponse, octetsIn } from './node-response.js';
import { NodeTaken, type TakenHost } from './node-taken.js';
import type { UpgradingSocket } from './node-upgrading.js';
import { ReaderWatch } from './reader-watch.js';

/** Nothing of a response has been written. */
const OPEN = 0;
/** The response is being written. */
const RESPONDING = 1;
/** The response is complete for this class. */
const DONE = 2;
/** The client has left before the response was complete. */
const GONE = 3;

/** A larger piece is written in parts, each when the client has taken the one before. */
const PIECE_BYTES = 64 * 1024;
const NOTHING = new Uint8Array(0);
/** These responses have no body, whatever their method. */
const isEmpty = (status: number): boolean => status === 204 || status === 304;

export interface Arrived {
  readonly head: RequestHead;
  readonly request: IncomingMessage;
  readonly response: OwnResponse;
  readonly connection: NodeConnection;
  /** Nothing that follows the request on its connection may be executed. */
  readonly isLast: boolean;
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean;
  readonly upgrading: UpgradingSocket | undefined;
  /** When it began to wait on its connection; undefined when it has not waited. */
  readonly arrivedAt: number | undefined;
}

export class NodeExchange implements Exchange, BodyEvents, TakenHost {
  readonly head: RequestHead;
  readonly arrivedAt: number | undefined;
  readonly host: NodeExchangeHost;
  readonly #request: IncomingMessage;
  readonly #response: OwnResponse;
  readonly connection: NodeConnection;
  readonly #isLast: boolean;
  #expectsContinue: boolean;
  readonly #upgrading: UpgradingSocket | undefined;
  #phase = OPEN;
  #inCallback = true;
  /** Resolves when the packet has been parsed, if a response waits for that. */
  #packetEnd: Promise<void> | undefined;
  /** The exchange is counted in `unfinished` of the host. */
  #isCounted = false;
  #ending: Ending = 'keep';
  readonly #body: NodeBody | undefined;
  #listeners: (() => void)[] | undefined;
  #onEnded: (() => void)[] | undefined;
  #onBodyRefused: ((error: HttpError) => void) | undefined;
  /** Bytes that a response of known length still lacks; undefined for one of unknown length. */
  #left: number | undefined;
  #isStream = false;
  /** The response is complete for the client, and its body is still under way. */
  #isPending = false;
  #reader: ReaderWatch | undefined;
  #wake: (() => void) | undefined;
  #webSocket: OpenedSocket | undefined;
  /** The connection is that of a WebSocket. */
  #isHandedOver = false;
  /** An application has the request and the response. */
  #taken: NodeTaken | undefined;
  /** This server has cut the connection. */
  #isCut = false;

  constructor(host: NodeExchangeHost, arrived: Arrived) {
    const { head, request } = arrived;
    this.host = host;
    this.head = head;
    this.arrivedAt = arrived.arrivedAt;
    this.#request = request;
    this.#response = arrived.response;
    this.connection = arrived.connection;
    this.#isLast = arrived.isLast;
    this.#upgrading = arrived.upgrading;
    if (head.contentLength > 0 || head.isChunked)
      this.#body = new NodeBody(request, head.isChunked ? -1 : head.contentLength, this);
    this.#expectsContinue = arrived.expectsContinue && this.#body !== undefined;
  }

  get accept(): ((acceptance: Acceptance) => void) | undefined {
    const upgrading = this.#upgrading;
    return upgrading && ((acceptance) => this.#accept(upgrading, acceptance));
  }

  get inCallback(): boolean {
    return this.#inCallback;
  }

  get closed(): boolean {
    return this.#phase >= DONE;
  }

  remoteAddress(): string {
    return this.connection.address;
  }

  rememberAddress(): void {
    // The connection keeps it.
    void this.connection.address;
  }

  onClosed(listener: () => void): void {
    if (this.#phase === GONE) queueMicrotask(listener);
    else if (this.#phase !== DONE) this.#listeners = [...(this.#listeners ?? []), listener];
  }

  onEnded(listener: () => void): void {
    if (this.#phase >= DONE) listener();
    else this.#onEnded = [...(this.#onEnded ?? []), listener];
  }

  leaveCallback(): void {
    if (!this.#inCallback) return;
    this.#inCallback = false;
    if (this.#phase >= DONE && !this.#isPending) return;
    this.connection.hold(this);
    if (this.#isPending) return;
    this.#isCounted = true;
    this.host.unfinished++;
    this.#upgrading?.watch();
  }

  // --- whole responses

  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    if (this.#phase !== OPEN) return;
    this.#phase = RESPONDING;
    if (this.#taken !== undefined) {
      this.#replace(this.#taken, status, headers, body);
      return;
    }
    if (!this.#awaitsPacket) {
      this.#sendNow(status, headers, body, close);
      return;
    }
    const length = body?.length;
    this.#behindPacket(() => {
      if (typeof body !== 'string' && body !== null) checkLength(body, length!);
      this.#sendNow(status, headers, body, close);
    });
  }

  /**
   * The packet that is being parsed may hold the rest of the body. If the whole body has arrived the
   * connection can stay.
   */
  get #awaitsPacket(): boolean {
    return (this.#inCallback || this.#body?.isAttached === true) && !this.isBodyComplete;
  }

  /** Runs it when the packet has been parsed, unless the client has left. */
  #behindPacket(run: () => void): void {
    this.#packetEnd ??= new Promise((resolve) => process.nextTick(resolve));
    void this.#packetEnd.then(() => {
      this.#packetEnd = undefined;
      if (this.#phase >= DONE) return;
      try {
        run();
      } catch (error) {
        this.failed(error);
      }
    });
  }

  #sendNow(
    status: number,
    headers: readonly string[],
    body: string | Uint8Array | null,
    close: boolean,
  ): void {
    const isBodiless = this.head.method === 'HEAD' || isEmpty(status);
    const bytes = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const length = body === null && isBodiless ? undefined : isEmpty(status) ? undefined : bytes;
    const fields = this.#fieldsOf(status, headers, close, bytes, length);
    const isSmall = isBodiless || bytes <= ONE_WRITE_BYTES;
    if (
      isSmall &&
      this.#ending !== 'announce' &&
      this.#sendWhole(status, fields, isBodiless ? null : body, bytes)
    )
      return;
    this.#writeHead(status, fields);
    if (isBodiless || body === null || bytes === 0) this.#finishWith(undefined);
    else if (bytes > PIECE_BYTES) this.#sendLarge(body);
    else this.#finishWith(Buffer.from(body as string));
  }

  /** @returns false when it cannot be sent at once */
  #sendWhole(
    status: number,
    fields: readonly string[],
    body: string | Uint8Array | null,
    bytes: number,
  ): boolean {
    const response = this.#response;
    const head = headText(status, fields, this.host.date.text);
    if (this.#body === undefined || this.#body.isDelivered) endMessage(this.#request);
    if (!response.sendWhole(body === null ? head : head + octetsIn(body, bytes))) return false;
    const { socket } = this.connection;
    if (socket.writableLength === 0) this.#complete();
    else {
      // As always with TLS. A socket reports that it has taken a few bytes only to the next write.
      this.#watchReader();
      socket.write(
        NOTHING,
        this.#guarded((error) => error || this.#complete()),
      );
    }
    if (this.#ending === 'cut') this.connection.end();
    return true;
  }

  #sendLarge(body: string | Uint8Array): void {
    const isOwn = typeof body === 'string';
    const bytes = isOwn ? Buffer.from(body) : body;
    this.#left = bytes.length;
    this.#writePieces(bytes, bytes.length, isOwn).catch((error: unknown) => {
      if (this.#phase >= DONE) return;
      this.host.failed(error);
      this.destroy();
    });
  }

  /** Writes the last bytes, and completes the response as soon as the kernel has taken them. */
  #finishWith(last: Uint8Array | undefined): void {
    const response = this.#response;
    if (this.#ending === 'announce') {
      if (last === undefined) flushHead(response);
      else response.write(last);
      this.#isPending = true;
      this.#complete();
      this.#body?.linger(CLOSE_AFTER_MS, () => this.#endPending());
      return;
    }
    if (last === undefined) response.end();
    else response.end(last);
    this.#completeWhenTaken();
  }

  /** Call behind the end of the response: it is complete when the kernel has all of it. */
  #completeWhenTaken(): void {
    if (this.#isTaken) {
      this.#complete();
      return;
    }
    this.#watchReader();
    this.#response.once(
      'finish',
      this.#guarded(() => this.#complete()),
    );
  }

  /** All that was written is with the kernel. */
  get #isTaken(): boolean {
    const { socket } = this.#response;
    return socket !== null && socket.writableLength === 0;
  }

  #endPending(): void {
    this.#isPending = false;
    this.#body?.finish();
    this.#response.end();
    // It is complete for this class, and its client may never take the rest.
    if (!this.#isTaken) this.#watchReader();
  }

  /** For what Node.js calls: a failure ends the connection. */
  #guarded<A extends unknown[], R>(listener: (...args: A) => R): (...args: A) => R | undefined {
    const { socket } = this.connection;
    return this.host.guard(listener, () => socket);
  }

  // --- responses of applications

  takeOver(events: TakeOverEvents, bodyLimit: number): NodeMessages | undefined {
    if (this.#body?.isAttached === true) return undefined;
    passPieces(this.#request);
    // It may have waited behind another request, or for a hook.
    const arrived = this.#request.readableLength;
    if (arrived > bodyLimit) throw bodyTooLarge(bodyLimit);
    if (this.#expectsContinue) this.wanted();
    const messages = { request: this.#request, response: this.#response };
    const limit = this.#body && bodyLimit;
    this.#taken = new NodeTaken(this, messages, this.connection.socket, events, limit);
    return messages;
  }

  get isTakenSent(): boolean {
    return this.#taken?.isSent === true;
  }

  leaveTaken(): void {
    this.#taken?.leave();
  }

  endsConnection(close: boolean): boolean {
    const ends = close || this.#isLast || this.connection.isLast || this.host.givesUp();
    if (ends) this.connection.isLast = true;
    return ends;
  }

  passed(): void {
    this.#isPending = true;
    this.#complete();
  }

  finished(): void {
    // The application may have ended the connection.
    const { connection } = this;
    if (!connection.socket.writable) connection.isLast = true;
    this.#isPending = !this.isBodyComplete && !connection.isBroken;
    if (this.#isPending) {
      this.#taken?.linger(() => this.#endTaken());
      return;
    }
    this.#taken?.stop();
    connection.release(this);
    if (connection.isLast) connection.end();
  }

  /** The rest of the body has arrived, or is given up. */
  #endTaken(): void {
    if (!this.#isPending) return;
    this.#isPending = false;
    this.#taken?.stop();
    if (!this.#request.complete && !this.connection.isLast) this.cut();
    this.connection.release(this);
  }

  #replace(
    taken: NodeTaken,
    status: number,
    headers: readonly string[],
    body: string | Uint8Array | null,
  ): void {
    const { connection } = this;
    connection.isLast = true;
    const isRead = this.isBodyComplete || connection.isBroken;
    this.#isPending = !isRead;
    taken.replaceBy(status, headers, body === null ? NOTHING : Buffer.from(body as string), isRead, () =>
      connection.end(),
    );
    this.#complete();
  }

  // --- WebSockets

  #accept(upgrading: UpgradingSocket, acceptance: Acceptance): void {
    if (this.#phase !== OPEN) return;
    const { socket, head } = upgrading.taken();
    const opened = this.host.accept(socket, head, acceptance);
    this.#isHandedOver = true;
    this.connection.handOver(this);
    this.#complete();
    if (this.#inCallback) this.#webSocket = opened;
    else opened?.opened();
  }

  /**
   * Runs the `open` callback of a WebSocket that was accepted in the request callback. Call it when the
   * request callback is over, so that an `open` that never returns does not count as a stall of the request.
   */
  reportOpened(): void {
    this.#webSocket?.opened();
  }

  // --- responses in pieces

  begin(status: number, headers: readonly string[], close: boolean, length?: number): void {
    if (this.#phase !== OPEN) return;
    if (this.#taken !== undefined)
      throw new Error('a response in pieces cannot replace that of an application of node:http');
    this.#phase = RESPONDING;
    this.#isStream = length === undefined;
    if (this.#awaitsPacket) this.#behindPacket(() => this.#beginNow(status, headers, close, length));
    else this.#beginNow(status, headers, close, length);
  }

  #beginNow(status: number, headers: readonly string[], close: boolean, length: number | undefined): void {
    const bytes = length ?? Number.POSITIVE_INFINITY;
    this.#writeHead(status, this.#fieldsOf(status, headers, close, bytes, length));
    this.#left = length;
    if (this.head.method === 'HEAD') this.#finishWith(undefined);
    else flushHead(this.#response);
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const isOwn = typeof chunk === 'string';
    const bytes = isOwn ? Buffer.from(chunk) : chunk;
    const { length } = bytes;
    if (this.#packetEnd !== undefined) await this.#packetEnd;
    if (this.#phase !== RESPONDING) throw clientClosed();
    await this.#writePieces(bytes, length, isOwn);
  }

  /** @param isOwn the bytes belong to this class; otherwise to a handler, which may change them later */
  async #writePieces(bytes: Uint8Array, length: number, isOwn: boolean): Promise<void> {
    for (let at = 0; at < length; at += PIECE_BYTES) {
      if (this.#phase !== RESPONDING) throw clientClosed();
      checkLength(bytes, length);
      const part = bytes.subarray(at, at + PIECE_BYTES);
      const piece = isOwn ? part : Buffer.from(part); // a copy
      if (this.#left !== undefined) this.#left -= piece.length;
      if (this.#left !== undefined && this.#left <= 0) {
        this.#finishWith(piece);
        return;
      }
      if (!this.#response.write(piece)) await this.#drained();
    }
  }

  async #drained(): Promise<void> {
    this.#watchReader();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#response.once('drain', resolve);
    });
    this.#wake = undefined;
    this.#reader?.stop();
    if (this.#phase !== RESPONDING) throw clientClosed();
  }

  #watchReader(): void {
    const { wheel, streamIdleMs } = this.host;
    this.#reader ??= new ReaderWatch(wheel, streamIdleMs, this.connection.socket, () => this.cut());
    this.#reader.start();
  }

  end(): void {
    if (this.#taken !== undefined && this.#phase === OPEN) this.#taken.end();
    if (this.#phase !== RESPONDING) return;
    if (this.#packetEnd !== undefined) {
      this.#behindPacket(() => this.end());
      return;
    }
    if (!this.#isStream) {
      this.destroy();
      return;
    }
    if (this.#ending === 'announce') this.#body?.drop();
    if (this.#body?.isDropping === true) {
      // The client may stop sending at an error status, and wait for the end.
      this.#listeners = undefined;
      this.#body.linger(END_AFTER_MS, () => this.#endStream());
    } else this.#endStream();
  }

  #endStream(): void {
    this.#response.end();
    this.#completeWhenTaken();
  }

  // --- the body

  readonly isBodyPassing = false;

  get isRequestArriving(): boolean {
    return !this.isBodyComplete;
  }

  get isBodyComplete(): boolean {
    return this.#body === undefined || this.#body.isComplete;
  }

  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void, reading?: BodyReading): boolean {
    if (this.#body === undefined) {
      onPiece(NOTHING, true);
      return true;
    }
    // It may be read during a response of unknown length, which a handler may make of the body.
    if (this.#phase !== OPEN && !(this.#phase === RESPONDING && this.#isStream)) return false;
    this.#body.read(onPiece, reading);
    return true;
  }

  get deliversBehind(): boolean {
    return this.#phase < DONE || this.#isPending;
  }

  onBodyRefused(listener: (error: HttpError) => void): void {
    this.#onBodyRefused = listener;
  }

  wanted(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    if (this.#phase === OPEN) this.#response.writeContinue();
  }

  failed(error: unknown): void {
    this.host.failed(error);
    this.destroy();
  }

  refused(error: HttpError): void {
    this.connection.isLast = true;
    this.#onBodyRefused?.(error);
    if (this.#packetEnd === undefined) this.#endRefused();
    else void this.#packetEnd.then(() => this.#endRefused());
  }

  /** Ends the connection behind the refusal of its body. */
  #endRefused(): void {
    if (this.#phase < DONE) this.destroy();
    else if (this.#isPending) this.#endPending();
    else if (!this.connection.isBroken) this.cut();
  }

  /** Stops reading. That would hold up a response of known length, so such a response is given up. */
  beyond(): void {
    if (this.#phase === RESPONDING && !this.#isStream) this.destroy();
    else this.pause();
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  // --- ends

  destroy(): void {
    if (this.#phase < DONE) this.#phase = DONE;
    this.cut();
    this.#release();
  }

  cut(): void {
    if (this.#isHandedOver) return;
    this.#isCut = true;
    this.connection.isLast = true;
    this.connection.socket.destroy();
  }

  /** Decides what happens to the connection. @returns all fields of the response */
  #fieldsOf(
    status: number,
    headers: readonly string[],
    close: boolean,
    bytes: number,
    length: number | undefined,
  ): string[] {
    const { head, host } = this;
    // A client that expects `100 Continue` may send its body without it at any time. Of a broken connection
    // nothing is read.
    const body = this.connection.isBroken ? undefined : this.#body;
    const isLast = this.#isLast || this.connection.isLast || this.#expectsContinue;
    this.#ending = endingOf(host, isLast, head.contentLength, body, status, close, bytes);
    const fields = [...headers];
    for (let i = 1; i < fields.length; i += 2) fields[i] = byteString(fields[i]!);
    if (length !== undefined) fields.push('Content-Length', String(length));
    if (this.#ending !== 'keep') {
      this.connection.isLast = true;
      fields.push('Connection', 'close');
    }
    if (body !== undefined && !this.#isStream) this.#leaveBody(body);
    return fields;
  }

  #writeHead(status: number, fields: string[]): void {
    // Neither `Connection: keep-alive` nor `Keep-Alive`, which HTTP/1.1 does not need.
    if (this.#ending === 'keep') this.#response.removeHeader('connection');
    this.#response.writeHead(status, fields);
  }

  /** Nothing reads the body any more, unless a reader has begun. */
  #leaveBody(body: NodeBody): void {
    if (this.#ending === 'announce') body.drop();
    else body.discard();
  }

  /** The whole response is written. */
  #complete(): void {
    if (this.#phase >= DONE) return;
    this.#phase = DONE;
    this.#release();
  }

  /** Releases everything. May be called again. */
  #release(): void {
    this.#listeners = undefined;
    if (!this.#isPending) this.#taken?.stop();
    this.#reader?.stop();
    this.#wake?.();
    if (!this.#isPending) this.#leaveUnread();
    if (this.#isCounted) this.host.unfinished--;
    this.#isCounted = false;
    while (this.#onEnded !== undefined && this.#onEnded.length > 0) {
      this.#onEnded[0]!();
      this.#onEnded.shift();
    }
    if (!this.#isPending) this.connection.release(this);
  }

  /** A short body that is not read is dropped, and the connection stays, if it arrives in time. */
  #leaveUnread(): void {
    const body = this.#body;
    if (body === undefined) return;
    if (body.isComplete || this.#phase === GONE || this.#ending !== 'keep') body.finish();
    else body.linger(CLOSE_AFTER_MS, () => body.isComplete || this.cut());
  }

  look(): void {
    this.#taken?.look();
  }

  settle(): void {
    if (this.#isPending) this.#taken?.settle();
  }

  /** The rest of the body cannot be parsed. */
  broken(fault: HttpError): void {
    if (this.#taken !== undefined) this.#taken.broken(fault);
    else if (!this.isBodyComplete) this.refused(fault);
  }

  gone(): void {
    if (this.#phase >= DONE) {
      this.#isPending = false;
      this.#reader?.stop();
      this.#taken?.gone();
      this.#body?.finish();
      return;
    }
    const listeners = this.#listeners ?? [];
    this.#phase = GONE;
    if (!this.#isCut) this.#taken?.closed();
    this.#release();
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.host.failed(error);
      }
    }
    this.#taken?.gone();
  }
}
