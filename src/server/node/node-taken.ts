// A request and its response in the hands of an application of `node:http`. Nothing is put between them: what
// the server has to know of the response it learns from its methods `writeHead`, `write` and `end`, which are
// replaced on the object itself (own-methods.ts), and of the body from taken-body.ts.
//
// When the request ends before a byte of the response was sent, another response is written to the socket.
// For the application its client has left then: `close` is emitted, and what it writes is lost.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HttpError } from '../../errors.js';
import { keepOpen } from '../../node-http.js';
import type { NodeMessages, TakeOverEvents } from '../exchange.js';
import { byteString } from '../response/field-octets.js';
import { ResponseDate } from './node-date.js';
import { headText } from './node-head.js';
import { flushHead, writeAtOnce } from './node-response.js';
import { above } from './own-methods.js';
import { ReaderWatch } from './reader-watch.js';
import { aborted, type BodySource, TakenBody } from './taken-body.js';

export interface TakenHost extends BodySource {
  /** @returns whether the connection is to end with this response, for `close` or reasons of its own */
  endsConnection(close: boolean): boolean;
  /** The kernel has the whole response. Node.js reports that in a moment. */
  passed(): void;
  /** Node.js has reported that the response was passed to the kernel. */
  finished(): void;
  /** Cuts the connection. */
  cut(): void;
}

const TAKEN = Symbol('taken');
type Owned<T> = T & { [TAKEN]?: NodeTaken };
/** Members of Node.js that its types do not have. */
interface Internals {
  /** Node.js closes the connection behind the response. */
  readonly _last: boolean;
  /** The head as text, once it is made. */
  _header: string | null;
  /** The head is part of what was passed on, or waits in `outputData`. */
  readonly _headerSent: boolean;
  /** What could not be passed on, because the response has no socket. */
  readonly outputData: readonly unknown[];
  /** The length of the body, once there is a head that announces it. */
  readonly _contentLength: number | null;
  /** False for HEAD, and for a status without a body. */
  readonly _hasBody: boolean;
  /** Makes the head. */
  _implicitHeader(): void;
  destroyed: boolean;
  /** `close` was emitted. */
  _closed: boolean;
  socket: Socket | null;
}
/** Listeners for `finish` of Node.js and of this module. */
const OWN_LISTENERS = 2;
const internalsOf = (response: ServerResponse): Internals => response as unknown as Internals;

export class NodeTaken {
  readonly #owner: TakenHost;
  readonly #events: TakeOverEvents;
  readonly #messages: NodeMessages;
  readonly #response: ServerResponse;
  readonly #socket: Duplex;
  readonly #body: TakenBody | undefined;
  #hasBegun = false;
  /** Another response was sent in the place of that of the application. */
  #isVoid = false;
  /** The kernel has the whole response. */
  #isPassed = false;
  #isFinished = false;
  #awaitsDrain = false;
  #reader: ReaderWatch | undefined;
  /** The asynchronous context of the end of the response, for listeners of the application. */
  #atEnd: (<R>(run: () => R) => R) | undefined;

  /** @param bodyLimit of a request with a body; undefined for one without */
  constructor(
    owner: TakenHost,
    messages: NodeMessages,
    socket: Duplex,
    events: TakeOverEvents,
    bodyLimit: number | undefined,
  ) {
    const { request, response } = messages;
    this.#owner = owner;
    this.#events = events;
    this.#messages = messages;
    this.#response = response;
    this.#socket = socket;
    const owned: Owned<ServerResponse> = response;
    owned[TAKEN] = this;
    owned.writeHead = writeHead as ServerResponse['writeHead'];
    owned.write = write as ServerResponse['write'];
    owned.end = end as ServerResponse['end'];
    // A write behind the end is an event that would end the thread, if it had no listener.
    response.on('error', failed);
    response.on('finish', finished);
    request.on('error', ignore);
    if (bodyLimit !== undefined && !request.complete)
      this.#body = new TakenBody(owner, request, events, bodyLimit);
  }

  /** Bytes of the response were sent. */
  get isSent(): boolean {
    const { _headerSent, outputData } = internalsOf(this.#response);
    return !this.#isVoid && _headerSent && outputData.length === 0;
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
    } else if (this.#messages.request.httpVersionMinor > 0 && !response.hasHeader('connection')) {
      // Neither `Connection: keep-alive` nor `Keep-Alive`, which HTTP/1.1 does not need.
      response.removeHeader('connection');
    }
  }

  /**
   * Call when the head was made. The application may have announced the end of the connection, or a body
   * that ends with it.
   */
  headIsMade(): void {
    const internals = internalsOf(this.#response);
    if (internals._last && !this.#isVoid) this.#owner.endsConnection(true);
    // The server closes the connection, when the rest of the body has arrived.
    keepOpen(this.#response);
    const { _header: head, _headerSent: isSent } = internals;
    if (head === null || isSent || this.#isVoid) return;
    internals._header = `${head.slice(0, -2)}${this.#events.headIsMade(head)}\r\n`;
    if (this.#events.hasOctets) flushHead(this.#response);
  }

  /** Call before a piece of the body is written. @param isLast it is written by `end` */
  writes(piece: unknown, isLast: boolean): void {
    const response = this.#response;
    if (this.#isVoid || response.writableEnded || response.destroyed || !isPiece(piece)) return;
    if (!this.#hasBegun && !isLast) {
      this.#hasBegun = true;
      const internals = internalsOf(response);
      // Node.js would make the head in a moment.
      if (!response.headersSent) internals._implicitHeader();
      this.#events.bodyBegins(internals._contentLength ?? undefined);
    }
    if (internalsOf(response)._hasBody)
      this.#events.bytesWait(response.writableLength + Buffer.byteLength(piece));
  }

  /** The application has called `end`. */
  ended(): void {
    if (this.#isVoid) return;
    this.#events.written();
    const socket = this.#socket;
    const isTaken = socket.writableLength === 0 && this.#response.socket === socket && this.isSent;
    if (isTaken && this.#owner.host !== undefined) this.#passed();
    else this.#watchReader();
  }

  /** Cuts a client that takes nothing of what waits for it. */
  #watchReader(): void {
    const { host } = this.#owner;
    // From Node.js 24 on, a response keeps its pieces until the end of the turn.
    const waitingBytes = this.#socket.writableLength + this.#response.writableLength;
    if (host === undefined || waitingBytes === 0 || this.#isVoid) return;
    const { wheel, streamIdleMs } = host;
    this.#reader ??= new ReaderWatch(wheel, streamIdleMs, this.#socket, () => this.#owner.cut());
    this.#reader.start();
  }

  wrote(isTaken: boolean): void {
    if (isTaken || this.#isVoid || this.#awaitsDrain || this.#owner.host === undefined) return;
    this.#awaitsDrain = true;
    this.#response.once('drain', () => {
      this.#awaitsDrain = false;
      this.#reader?.stop();
      this.#events.bytesWait(0);
    });
    this.#watchReader();
  }

  /** Finds out that the response is finished although the application has removed the listener for that. */
  look(): void {
    if (!this.#response.writableFinished || this.#isFinished) return;
    this.#owner.endsConnection(true);
    this.finished();
  }

  #passed(): void {
    if (this.#isPassed) return;
    this.#isPassed = true;
    if (this.#response.listenerCount('finish') > OWN_LISTENERS) this.#atEnd = AsyncLocalStorage.snapshot();
    this.#stopAlarms();
    this.#events.ended(this.#response.statusCode);
    this.#owner.passed();
  }

  /**
   * Emits `finish`, if the kernel has the whole response of a request that has arrived whole. Node.js emits
   * it in a later turn, which would keep the next request waiting that is in the same packet.
   */
  settle(): void {
    const { host, connection } = this.#owner;
    const response = this.#response;
    if (!this.#isPassed || this.#isFinished || !this.#messages.request.complete) return;
    if (host === undefined || connection === undefined) return;
    const emit = response.emit.bind(response) as typeof response.emit;
    const finish = (): void => void emit('finish');
    const atEnd = this.#atEnd;
    host.withinParser(connection, () =>
      this.#events.deliver(atEnd === undefined ? finish : () => atEnd(finish)),
    );
    // That of Node.js is the second one.
    response.emit = ((name, ...values) => name === 'finish' || emit(name, ...values)) as typeof response.emit;
  }

  finished(): void {
    if (this.#isVoid || this.#isFinished) return;
    this.#isFinished = true;
    // The application may have set one, which is that of this request.
    const { request } = this.#messages;
    if (request.socket.timeout) request.socket.setTimeout(0);
    this.#passed();
    this.#owner.finished();
  }

  /** Drops what still arrives of the body behind the response of the application: see TakenBody. */
  linger(over: () => void): void {
    this.#body?.linger(over);
  }

  /** The rest of the body cannot be parsed. */
  broken(fault: HttpError): void {
    this.#body?.broken(fault);
  }

  failed(error: unknown): void {
    // It writes on because it has not noticed that the response is over.
    if (!this.#isVoid && !this.#socket.destroyed) this.#events.misused(error);
  }

  /** Ends a stream of events, which may end anywhere. */
  end(): void {
    const response = this.#response;
    (above(response, TAKEN).end as () => void).call(response);
    this.ended();
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
    this.leave();
    socket.write(head, 'latin1');
    if (this.#messages.request.method !== 'HEAD' && body.length > 0) socket.write(body);
    // If the connection was cut while bytes of the client are unread, it would lose the response.
    if (host === undefined || isRead || status === 408) over();
    else this.#body?.linger(over);
  }

  /** The application is not to write the response: to it, its client has left, as Node.js reports that. */
  leave(): void {
    if (this.#isVoid) return;
    this.#isVoid = true;
    this.#reader?.stop();
    this.#body?.leave();
    const response = this.#response;
    // The application may have detached it.
    if (response.socket === this.#socket) response.detachSocket(this.#socket as Socket);
    // To packages that look at the socket of a response, its client has left.
    internalsOf(response).socket = new Socket().destroy();
    internalsOf(response).destroyed = true;
    // Node.js emits it in a later tick as well. What a listener throws is not the end of this request.
    process.nextTick(() => this.#events.deliver(() => this.#closed()));
  }

  /** Streams that are piped into the response end by this state, or by the event. */
  #closed(): void {
    const internals = internalsOf(this.#response);
    if (internals._closed) return;
    internals._closed = true;
    this.#response.emit('close');
  }

  /** Call when the connection has closed, and neither this server has cut it nor the response is complete. */
  closed(): void {
    if (!this.#isVoid && this.#hasCut()) this.#events.cutOff();
  }

  /** The application has destroyed the response, the request or the socket: its client has not left. */
  #hasCut(): boolean {
    const { errored: error, destroyed, readableEnded } = this.#socket;
    if (!destroyed || readableEnded) return false;
    return error === null || error === this.#response.errored || !isOfConnection(error);
  }

  /**
   * The connection has closed. Node.js reports that to what reads the body, unless the application has closed
   * it within a callback of the parser.
   */
  gone(): void {
    this.stop();
    const { request } = this.#messages;
    if (request.destroyed || (this.#isFinished && request.complete)) return;
    this.#events.deliver(() => void request.destroy(aborted()));
  }

  stop(): void {
    this.#reader?.stop();
    this.#body?.stop();
  }

  #stopAlarms(): void {
    this.#reader?.stop();
    this.#body?.stopPace();
  }
}

const isPiece = (piece: unknown): piece is string | Uint8Array =>
  typeof piece === 'string' || piece instanceof Uint8Array;

/** Whether the system, or TLS, has reported the error of a connection. */
const isOfConnection = ({ code = '', syscall }: NodeJS.ErrnoException): boolean =>
  syscall === 'read' || syscall === 'write' || /^(?:ECONN|EPIPE|EPROTO|ERR_SSL|ERR_TLS)/.test(code);

const isFunction = (value: unknown): boolean => typeof value === 'function';

// --- the methods and listeners: functions of this module, so that a request needs none of its own

function ignore(): void {}

function failed(this: Owned<ServerResponse>, error: unknown): void {
  this[TAKEN]?.failed(error);
}

function finished(this: Owned<ServerResponse>): void {
  this[TAKEN]?.finished();
}

function writeHead(this: Owned<ServerResponse>, ...args: Parameters<ServerResponse['writeHead']>): unknown {
  this[TAKEN]?.headIsDue(args[0]);
  const result: unknown = above(this, TAKEN).writeHead.apply(this, args);
  this[TAKEN]?.headIsMade();
  return result;
}

function write(this: Owned<ServerResponse>, ...args: Parameters<ServerResponse['write']>): boolean {
  this[TAKEN]?.writes(args[0], false);
  const isTaken = above(this, TAKEN).write.apply(this, args);
  this[TAKEN]?.wrote(isTaken);
  return isTaken;
}

function end(this: Owned<ServerResponse>, ...args: Parameters<ServerResponse['end']>): unknown {
  this[TAKEN]?.writes(args[0], true);
  const { end: own } = above(this, TAKEN) as { end: (...rest: unknown[]) => unknown };
  const isWritten = writeAtOnce(this, own, args[0], args[1]);
  const result = isWritten ? own.call(this, args.find(isFunction)) : own.apply(this, args);
  this[TAKEN]?.ended();
  return result;
}
