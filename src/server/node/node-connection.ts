// One connection of a client. Its requests are executed one after the other: `node:http` reports all that are
// in a packet, whether or not the one before has its response, and a client could start thousands at once.
// Those that wait are bounded, and behind the last of them, or a response that has announced the end of the
// connection (RFC 9112 section 9.6), nothing is executed.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { HttpError } from '../../errors.js';
import { MOST_BYTES, MOST_MS } from '../lingering.js';
import { parseOn, readOn, stopReading } from './node-reading.js';
import type { OwnResponse } from './node-response.js';

/** Requests that may wait behind an unfinished one. The response to the last of them ends the connection. */
const MOST_WAITING = 16;
/**
 * The same for the bytes of their heads and bodies. Of each body Node.js keeps up to STREAM_BYTES before it
 * stops to read, so one of any length may wait.
 */
const MOST_WAITING_BYTES = 128 * 1024;
const STREAM_BYTES = 64 * 1024;
/**
 * Pieces of their bodies, which Node.js keeps one by one, however small they are. Beyond, nothing is read
 * until the last request that waits is served.
 */
const MOST_WAITING_PIECES = 64;

/** With this result of its callback the parser fails, and makes no requests of what follows. */
const STOP = -1;
/** What it reports then. */
const STOPPED = 'HPE_CB_HEADERS_COMPLETE';
/** A member of Node.js that its types do not have. */
interface Parser {
  onIncoming(request: IncomingMessage, keepsAlive: boolean): number;
}

/** A request that is under way. */
interface Current {
  /** More of its body is to come, and may be left in the kernel. */
  readonly isRequestArriving: boolean;
  /** The client has left. */
  gone(): void;
  /** Looks whether it has ended without a report of that. */
  look(): void;
  /** Another request is here. Is the response complete, Node.js reports that now and not in a later turn. */
  settle(): void;
  /** What follows on the connection cannot be read: the rest of the body, if it has not arrived. */
  broken(fault: HttpError): void;
}

export interface Arrival {
  readonly request: IncomingMessage;
  readonly response: OwnResponse;
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean;
}

/** A request that waits until those before it have their responses. */
export interface Waiting extends Arrival {
  /** `performance.now()` when it began to wait. */
  readonly arrivedAt: number;
  /** Those of its head, and those of its body that may be kept. */
  readonly bytes: number;
}

const NOTHING = new Uint8Array(0);

const IPV4_IN_IPV6 = /^::ffff:(?=\d+\.)/;

export class NodeConnection {
  readonly socket: Socket;
  /** Nothing that follows on this connection may be executed. */
  isLast = false;
  #isBroken = false;
  #current: Current | undefined;
  #waiting: Waiting[] | undefined;
  /** Bytes of the requests that wait. */
  #waitingBytes = 0;
  #waitingPieces = 0;
  /** Nothing is read, because of MOST_WAITING_PIECES. */
  #isStopped = false;
  #address: string | undefined;
  /** Bytes that had been read when the connection was looked at, and since when they are all. */
  #read = 0;
  #quietSince = 0;
  /** Bytes that had been read at the first look behind the last request, or when nothing more is parsed. */
  #readForRequests = 0;
  /** Since when all that arrives is dropped, as far as the looks have seen it. */
  #droppedSince: number | undefined;
  /** A request was served since the connection was looked at. */
  hasServed = false;
  /** When a look has found the last request. */
  #servedAt = 0;
  readonly #serve: (connection: NodeConnection, waiting: Waiting) => void;
  readonly #later: (run: () => void) => void;

  /** @param later runs a function in the next turn, and outside of the request that is under way */
  constructor(
    socket: Socket,
    serve: (connection: NodeConnection, waiting: Waiting) => void,
    later: (run: () => void) => void,
  ) {
    this.socket = socket;
    this.#serve = serve;
    this.#later = later;
    const { parser } = socket as Socket & { readonly parser?: Parser | null };
    if (!parser) return;
    const taken = parser.onIncoming.bind(parser);
    // Node.js would keep each request until the connection ends.
    parser.onIncoming = (request, keepsAlive) => {
      if (this.isLast || this.#isFull) return STOP;
      const result = taken(request, keepsAlive);
      parseOn(socket);
      return result;
    };
  }

  /** The address of the client as text; empty once it has left before it was asked for. */
  get address(): string {
    this.#address ??= addressOf(this.socket);
    return this.#address;
  }

  /** Its parser reads nothing any more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Call before `isBusy` or `isFree` decides about what has arrived. */
  settle(): void {
    this.#current?.settle();
  }

  /** A request is under way, or waits. */
  get isBusy(): boolean {
    return this.#current !== undefined || this.#waiting !== undefined;
  }

  /** A request may be the last one of HTTP: no response is under way, as Node.js knows it. */
  get isFree(): boolean {
    const { _httpMessage: response } = this.socket as { readonly _httpMessage?: unknown };
    return !this.isLast && !this.isBusy && (response ?? null) === null;
  }

  /** The request is under way when its callback has returned. */
  hold(current: Current): void {
    this.#current = current;
  }

  /** The request that was held is over: the next one is served, in a later turn of the event loop. */
  release(current: Current): void {
    if (this.#current !== current) return;
    this.#current = undefined;
    // The response may have left before it was known that it is the last one.
    if (this.isLast) setImmediate(() => this.end());
    else if (this.#waiting !== undefined) this.#later(() => this.#next());
  }

  /** The connection belongs to a WebSocket from now on, and does not end with the request that was held. */
  handOver(current: Current): void {
    if (this.#current === current) this.#current = undefined;
  }

  /** The parser has failed because no more requests are taken. Those that wait are served. */
  stopped(): void {
    this.#break();
  }

  /** Nothing more can be parsed: the connection ends with the response that is under way. */
  broken(fault: HttpError): void {
    this.#break();
    this.isLast = true;
    this.#current?.broken(fault);
  }

  /**
   * The code that its parser has called is about to be interrupted, and the parser gets no result. So the
   * connection ends behind the response that is under way.
   */
  breakOff(): void {
    this.#break();
    this.isLast = true;
    this.endUnlessBusy();
  }

  /** Ends the connection behind this turn, unless a response is under way, which ends it. */
  endUnlessBusy(): void {
    setImmediate(() => {
      if (this.#current === undefined) this.end();
    });
  }

  /**
   * The client may go on to send. Were its bytes left unread, the kernel would reset the connection, and the
   * client might lose the response. So what arrives is dropped until the client ends it, within the bounds of
   * lingering.ts. Node.js would destroy the socket.
   */
  #break(): void {
    this.#isBroken = true;
    this.#readOn();
    const { socket } = this;
    this.#readForRequests = socket.bytesRead;
    socket.destroySoon = () => void socket.end();
  }

  /** Ends the connection behind what was written. */
  end(): void {
    if (this.#waiting !== undefined) this.#dropWaiting(this.#waiting);
    this.socket.destroySoon();
  }

  #dropWaiting(waiting: readonly Waiting[]): void {
    this.#waiting = undefined;
    this.#break();
    for (const { request } of waiting) request.resume();
  }

  /** Serves a request when those before it have their responses. */
  wait(arrival: Arrival): void {
    if (this.#waiting === undefined) {
      this.#waiting = [];
      if (this.#current === undefined) this.#later(() => this.#next());
    }
    const bytes = headBytes(arrival.request) + keptBytes(arrival.request);
    this.#waiting.push({ ...arrival, arrivedAt: performance.now(), bytes });
    this.#waitingBytes += bytes;
  }

  /** A piece of a body is parsed: of that of the last request that waits, if one does. */
  pieceArrived(): void {
    if (this.#waiting === undefined || this.#isStopped || this.#isBroken) return;
    this.#waitingPieces++;
    if (this.#waitingPieces < MOST_WAITING_PIECES) return;
    this.#isStopped = true;
    stopReading(this.socket);
  }

  #readOn(): void {
    this.#waitingPieces = 0;
    if (!this.#isStopped) return;
    this.#isStopped = false;
    readOn(this.socket);
  }

  /** No more may wait. */
  get #isFull(): boolean {
    if (this.#waiting === undefined) return false;
    return this.#waiting.length >= MOST_WAITING || this.#waitingBytes >= MOST_WAITING_BYTES;
  }

  #next(): void {
    while (this.#current === undefined && this.#waiting !== undefined) {
      const next = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#waiting = undefined;
      if (next === undefined || this.isLast || this.socket.destroyed) {
        this.#waiting = undefined;
        return;
      }
      this.#waitingBytes -= next.bytes;
      if (this.#waiting === undefined) this.#readOn();
      if (this.#waiting === undefined && this.#isBroken) this.isLast = true;
      this.#serve(this, next);
    }
  }

  /**
   * Looks whether the connection is idle: no request is under way, and nothing arrives, or for twice as long
   * nothing that becomes a request. Call it now and then.
   * @param at the time on the clock of `performance.now()`
   * @param mostBytes that may arrive without a request: the parser skips empty lines without end
   */
  isIdle(at: number, idleMs: number, mostBytes: number): boolean {
    const { bytesRead } = this.socket;
    const isQuiet = bytesRead === this.#read;
    this.#current?.look();
    if (!this.#isBroken && (this.isBusy || this.hasServed)) {
      this.#readForRequests = bytesRead;
      this.#servedAt = at;
    }
    this.hasServed = false;
    if (this.isBusy || !isQuiet) {
      this.#read = bytesRead;
      this.#quietSince = at;
      if (isQuiet && (this.#isStopped || this.#current?.isRequestArriving === true)) this.#noticeReset();
      if (this.#isBroken) return this.#hasDroppedMost(at);
      if (bytesRead - this.#readForRequests > mostBytes) return true;
    }
    // A head that begins within the idle time has as long again: see `headersTimeout` of Node.js.
    const isLate = !this.#isBroken && at - this.#servedAt >= 2 * idleMs;
    return isLate || at - this.#quietSince >= idleMs;
  }

  #hasDroppedMost(at: number): boolean {
    if (!this.isBusy) this.#droppedSince ??= at;
    const ms = at - (this.#droppedSince ?? at);
    return this.#read - this.#readForRequests > MOST_BYTES || ms >= MOST_MS;
  }

  /**
   * While nothing is read, because a body waits for its reader, the kernel reports a reset only to a write.
   */
  #noticeReset(): void {
    if (this.socket.writable && this.socket.writableLength === 0) this.socket.write(NOTHING);
  }

  /** The socket has closed. */
  closed(): void {
    this.#waiting = undefined;
    const current = this.#current;
    this.#current = undefined;
    current?.gone();
  }
}

/** The parser has failed because the connection takes no more requests. */
export const isStopped = ({ code }: NodeJS.ErrnoException): boolean => code === STOPPED;

function headBytes({ url = '', rawHeaders }: IncomingMessage): number {
  let bytes = url.length;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

/** Bytes of its body that may be kept while nothing reads it. */
function keptBytes({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return STREAM_BYTES;
  return Math.min(Number(headers['content-length'] ?? 0), STREAM_BYTES);
}

/** IPv4 that is mapped into IPv6 is IPv4; the zone of an address is left out. */
export function addressOf({ remoteAddress = '' }: Pick<Socket, 'remoteAddress'>): string {
  return remoteAddress.replace(IPV4_IN_IPV6, '').replace(/%.*$/, '');
}
