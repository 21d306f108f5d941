// A request and its response in the hands of an application of `node:http`. Nothing is put between them: what
// the server has to know of the response it learns from its methods `writeHead` and `write`, which are
// replaced on the object itself, as packages of Express do (Express sets its prototype), and of the body from
// `push`.
//
// When the request ends before a byte of the response was sent, another response is written to the socket.
// For the application its client has left then: `close` is emitted, and what it writes is lost.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bodyTooLarge } from '../body/body.js';
import type { NodeMessages, TakeOverEvents } from '../exchange.js';
import { IdleAlarm } from '../idle-alarm.js';
import { CLOSE_AFTER_MS, Lingering, MOST_BYTES } from '../lingering.js';
import { byteString } from '../response/field-octets.js';
import { BodyPace, tooSlow } from './body-pace.js';
import type { NodeConnection } from './node-connection.js';
import { ResponseDate } from './node-date.js';
import type { NodeExchangeHost } from './node-exchange-host.js';
import { headText } from './node-head.js';
import { readOn } from './node-message.js';
import { ChunkJoiner, FLOOD, flood, isChunked } from './node-pieces.js';

export interface TakenHost {
  /** Undefined without a socket: then nothing is bounded in time. */
  readonly host?: NodeExchangeHost;
  readonly connection?: NodeConnection;
  /** @returns whether the connection is to end with this response, for `close` or reasons of its own */
  endsConnection(close: boolean): boolean;
  /** The response was passed to the kernel. */
  finished(): void;
  /** Cuts the connection. */
  cut(): void;
}

const TAKEN = Symbol('taken');
type Owned<T> = T & { [TAKEN]?: NodeTaken };
/** Members of Node.js that its types do not have. */
interface Internals {
  /** Node.js closes the connection behind the response. */
  _last: boolean;
  /** The head is part of what was passed on, or waits in `outputData`. */
  readonly _headerSent: boolean;
  /** What could not be passed on, because the response has no socket. */
  readonly outputData: readonly unknown[];
  /** The length of the body, once there is a head that announces it. */
  readonly _contentLength: number | null;
  /** Makes the head. */
  _implicitHeader(): void;
  destroyed: boolean;
  /** `close` was emitted. */
  _closed: boolean;
  socket: Socket | null;
}

/** How Node.js knows whether something has begun to read a request. */
interface Consumed {
  readonly _consuming: boolean;
  readonly _readableState: { readonly resumeScheduled: boolean };
}

function isConsumed(request: IncomingMessage): boolean {
  const { _consuming, _readableState } = request as unknown as Consumed;
  return _consuming || _readableState.resumeScheduled || request.readableFlowing === true;
}

export class NodeTaken {
  readonly #owner: TakenHost;
  readonly #events: TakeOverEvents;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #socket: Duplex;
  /** Bytes of the body that are still allowed. */
  #left: number;
  readonly #bodyLimit: number;
  #hasBegun = false;
  /** Another response was sent in the place of that of the application. */
  #isVoid = false;
  #isFinished = false;
  #unread: IdleAlarm | undefined;
  /** Bytes that waited for the client when the alarm was set. */
  #waiting = 0;
  #pace: BodyPace | undefined;
  /** Joins the small pieces of a chunked body. */
  #joiner: ChunkJoiner | undefined;
  #lingering: Lingering | undefined;
  /** Nothing reads the rest of the body. */
  #isDropping = false;

  constructor(
    owner: TakenHost,
    { request, response }: NodeMessages,
    socket: Duplex,
    events: TakeOverEvents,
    bodyLimit: number,
  ) {
    this.#owner = owner;
    this.#events = events;
    this.#request = request;
    this.#response = response;
    this.#socket = socket;
    this.#left = bodyLimit - request.readableLength;
    this.#bodyLimit = bodyLimit;
    const owned: Owned<ServerResponse> = response;
    owned[TAKEN] = this;
    owned.writeHead = writeHead as ServerResponse['writeHead'];
    owned.write = write as ServerResponse['write'];
    owned.end = end as ServerResponse['end'];
    // A write behind the end is an event that would end the thread, if it had no listener.
    response.on('error', (error: unknown) => this.#failed(error));
    request.on('error', () => undefined);
    response.once('finish', () => this.#finished());
    if (!request.complete) this.#watchBody();
  }

  /** Bytes of the response were sent. */
  get isSent(): boolean {
    const { _headerSent, outputData } = this.#response as unknown as Internals;
    return _headerSent && outputData.length === 0;
  }

  // --- the response of the application

  headIsDue(status: number): void {
    const response = this.#response;
    if (response.headersSent || this.#isVoid) return;
    const closes = this.#events.headIsDue(status) || !response.shouldKeepAlive;
    if (this.#owner.endsConnection(closes)) {
      response.shouldKeepAlive = false;
      // The application may have set it to keep-alive. Without it, Node.js announces the end.
      if (response.hasHeader('connection')) response.setHeader('connection', 'close');
    } else if (this.#request.httpVersionMinor > 0 && !response.hasHeader('connection')) {
      // Neither `Connection: keep-alive` nor `Keep-Alive`, which HTTP/1.1 does not need.
      response.removeHeader('connection');
    }
  }

  /**
   * Call when the head was made. The application may have announced the end of the connection, or a body
   * that ends with it.
   */
  headIsMade(): void {
    const internals = this.#response as unknown as Internals;
    if (internals._last && !this.#isVoid) this.#owner.endsConnection(true);
    // The server closes the connection, when the rest of the body has arrived.
    internals._last = false;
  }

  /** Call before a piece of the body is written. @param isLast it is written by `end` */
  writes(piece: unknown, isLast: boolean): void {
    const response = this.#response;
    if (this.#isVoid || response.writableEnded || response.destroyed || !isPiece(piece)) return;
    if (!this.#hasBegun && !isLast) {
      this.#hasBegun = true;
      const internals = response as unknown as Internals;
      // Node.js would make the head in a moment.
      if (!response.headersSent) internals._implicitHeader();
      this.#events.bodyBegins(internals._contentLength ?? undefined);
    }
    this.#events.bytesWait(response.writableLength + Buffer.byteLength(piece));
  }

  /** The application has called `end`. */
  ended(): void {
    if (this.#isVoid) return;
    this.#events.written();
    this.#watchReader();
  }

  /** Cuts a client that takes nothing of what waits for it. */
  #watchReader(): void {
    const { host } = this.#owner;
    if (host === undefined || this.#socket.writableLength === 0 || this.#isVoid) return;
    const { wheel, streamIdleMs } = host;
    this.#unread ??= new IdleAlarm(wheel, streamIdleMs, () => this.#unreadFor());
    this.#waiting = queueOf(this.#socket);
    this.#unread.start();
  }

  wrote(isTaken: boolean): void {
    if (isTaken || this.#isVoid || this.#unread !== undefined || this.#owner.host === undefined) return;
    this.#response.once('drain', () => {
      this.#unread?.stop();
      this.#unread = undefined;
      this.#events.bytesWait(0);
    });
    this.#watchReader();
  }

  #unreadFor(): void {
    if (this.#socket.writableLength === 0) return;
    const waiting = queueOf(this.#socket);
    if (waiting === this.#waiting) this.#owner.cut();
    else this.#watchReader();
  }

  /** Finds out that the response is finished although the application has removed the listener for that. */
  look(): void {
    if (!this.#response.writableFinished || this.#isFinished) return;
    this.#owner.endsConnection(true);
    this.#finished();
  }

  #finished(): void {
    this.#stopAlarms();
    if (this.#isVoid || this.#isFinished) return;
    this.#isFinished = true;
    this.#events.ended(this.#response.statusCode);
    this.#owner.finished();
  }

  /**
   * Drops what still arrives of the body behind the response of the application: if the connection was closed
   * meanwhile, the client would lose the response.
   * @param over called when the body is complete or given up
   */
  linger(over: () => void): void {
    const { host } = this.#owner;
    if (host === undefined) return;
    const request = this.#request;
    // As Node.js decides it: what reads it gets the rest, or the end of the connection as an error.
    this.#isDropping = !isConsumed(request);
    this.#lingering = new Lingering(host, bodyOf(request), over);
    this.#lingering.wait(CLOSE_AFTER_MS, over);
    readOn(request);
  }

  #failed(error: unknown): void {
    // It writes on because it has not noticed that the response is over.
    if (!this.#isVoid && !this.#socket.destroyed) this.#events.misused(error);
  }

  /** Ends a stream of events, which may end anywhere. */
  end(): void {
    const response = this.#response;
    (above(response).end as () => void).call(response);
    this.ended();
  }

  // --- the body

  #watchBody(): void {
    const request: Owned<IncomingMessage> = this.#request;
    request[TAKEN] = this;
    request.push = push;
    if (isChunked(request)) {
      this.#joiner = new ChunkJoiner(request, (joined) => this.#deliver(joined));
      request.removeAllListeners(FLOOD).once(FLOOD, () => this.#flooded());
    }
    const { host } = this.#owner;
    if (host === undefined) return;
    this.#pace = new BodyPace(host.wheel, () => this.#tooSlow());
    this.#pace.start();
  }

  /** @returns false when no more is to be read for now */
  arrived(piece: Uint8Array | null): boolean {
    const length = piece?.length ?? 0;
    if (piece === null) {
      this.#pace?.stop();
      this.#events.bodyArrived();
    } else this.#pace?.arrived(length);
    this.#lingering?.dropped(length);
    if (this.#isVoid || (this.#isDropping && piece !== null)) return true;
    this.#left -= length;
    if (this.#left < 0) {
      this.#pace?.stop();
      this.#events.bodyRefused(bodyTooLarge(this.#bodyLimit));
      return true;
    }
    if (piece !== null && this.#joiner !== undefined) return this.#joiner.add(piece);
    this.#joiner?.flush();
    return this.#deliver(piece);
  }

  #deliver(piece: Uint8Array | null): boolean {
    const request = this.#request;
    let isWanted = true;
    const { host, connection } = this.#owner;
    host?.stores.leave();
    if (host !== undefined) host.parsing = connection;
    this.#events.deliver(() => {
      isWanted = above(request).push.call(request, piece);
    });
    if (host !== undefined) host.parsing = undefined;
    host?.interrupt.wait();
    return isWanted;
  }

  #flooded(): void {
    // Behind the response, nothing more of it is worth reading.
    if (this.#lingering !== undefined) this.#lingering.dropped(MOST_BYTES + 1);
    else if (!this.#isVoid) this.#events.bodyRefused(flood());
  }

  #tooSlow(): void {
    const request = this.#request;
    if (request.complete || request.destroyed || this.#isVoid) return;
    const isPaused = request.isPaused() && request.listenerCount('readable') === 0;
    // The client cannot send more than the application reads.
    if (isPaused || request.readableLength >= request.readableHighWaterMark) this.#pace?.start();
    else this.#events.bodyRefused(tooSlow());
  }

  // --- another response

  /**
   * Sends another response, and closes the connection behind it.
   * @param headers a flat list of checked fields
   * @param isRead nothing more of the request is read
   * @param over called when the connection may be cut
   */
  replaceBy(
    status: number,
    headers: readonly string[],
    body: Uint8Array,
    isRead: boolean,
    over: () => void,
  ): void {
    const socket = this.#socket;
    const { host } = this.#owner;
    const fields = headers.map((text, i) => (i % 2 === 0 ? text : byteString(text)));
    fields.push('Connection', 'close', 'Content-Length', String(body.length));
    const head = headText(status, fields, (host?.date ?? new ResponseDate()).text);
    // The application may have detached it.
    if (this.#response.socket === socket) this.#response.detachSocket(socket as Socket);
    // To packages that look at the socket of a response, its client has left.
    (this.#response as unknown as Internals).socket = new Socket().destroy();
    socket.write(head, 'latin1');
    if (this.#request.method !== 'HEAD' && body.length > 0) socket.write(body);
    this.leave();
    if (host === undefined || isRead || status === 408) {
      over();
      return;
    }
    // If the connection was cut while bytes of the client are unread, it would lose the response.
    this.#lingering = new Lingering(host, bodyOf(this.#request), over);
    this.#lingering.wait(CLOSE_AFTER_MS, over);
    socket.resume();
  }

  /** The application is not to write the response: to it, its client has left, as Node.js reports that. */
  leave(): void {
    this.#isVoid = true;
    this.#stopAlarms();
    (this.#response as unknown as Internals).destroyed = true;
    // Node.js emits it in a later tick as well. What a listener throws is not the end of this request.
    process.nextTick(() => this.#events.deliver(() => this.#closed()));
  }

  /** Streams that are piped into the response end by this state, or by the event. */
  #closed(): void {
    const internals = this.#response as unknown as Internals;
    if (internals._closed) return;
    internals._closed = true;
    this.#response.emit('close');
  }

  /** Call when the connection has closed. */
  stop(): void {
    this.#stopAlarms();
    this.#lingering?.stop();
  }

  #stopAlarms(): void {
    this.#unread?.stop();
    this.#pace?.stop();
  }
}

const bodyOf = (request: IncomingMessage) => ({
  get isComplete() {
    return request.complete;
  },
});

/** Bytes that the kernel has not taken. Their number falls when the client reads. */
function queueOf(socket: object): number {
  const { _handle } = socket as { _handle?: { readonly writeQueueSize?: number } | null };
  return _handle?.writeQueueSize ?? 0;
}

const isPiece = (piece: unknown): piece is string | Uint8Array =>
  typeof piece === 'string' || piece instanceof Uint8Array;

/**
 * The methods that an application, or its framework, has given the object.
 * @param object may be made from it by `Object.create`
 */
function above<T extends object>(object: Owned<T>): T {
  let owned: object = object;
  while (!Object.hasOwn(owned, TAKEN)) owned = Object.getPrototypeOf(owned);
  return Object.getPrototypeOf(owned) as T;
}

function writeHead(this: Owned<ServerResponse>, ...args: Parameters<ServerResponse['writeHead']>): unknown {
  this[TAKEN]?.headIsDue(args[0]);
  const result: unknown = above(this).writeHead.apply(this, args);
  this[TAKEN]?.headIsMade();
  return result;
}

function write(this: Owned<ServerResponse>, ...args: Parameters<ServerResponse['write']>): boolean {
  this[TAKEN]?.writes(args[0], false);
  const isTaken = above(this).write.apply(this, args);
  this[TAKEN]?.wrote(isTaken);
  return isTaken;
}

function end(this: Owned<ServerResponse>, ...args: Parameters<ServerResponse['end']>): unknown {
  this[TAKEN]?.writes(args[0], true);
  const result: unknown = above(this).end.apply(this, args);
  this[TAKEN]?.ended();
  return result;
}

function push(this: Owned<IncomingMessage>, piece: Uint8Array | null): boolean {
  return this[TAKEN]?.arrived(piece) ?? above(this).push.call(this, piece);
}
