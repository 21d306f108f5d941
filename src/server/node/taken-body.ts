// The body of a request that an application of `node:http` reads by itself. It is counted on its way into the
// stream of the request, whose method `push` is replaced: what is too large or too slow is refused, and what
// nothing reads behind the response is dropped.
import type { IncomingMessage } from 'node:http';
import type { HttpError } from '../../errors.js';
import { bodyTooLarge } from '../body/body.js';
import type { TakeOverEvents } from '../exchange.js';
import { CLOSE_AFTER_MS, END_AFTER_MS, Lingering, MOST_BYTES } from '../lingering.js';
import { BodyPace, tooSlow } from './body-pace.js';
import type { NodeConnection } from './node-connection.js';
import type { NodeExchangeHost } from './node-exchange-host.js';
import { readOn } from './node-message.js';
import { ChunkJoiner, FLOOD, flood, isChunked } from './node-pieces.js';
import { above } from './own-methods.js';

const BODY = Symbol('body');
type Owned = IncomingMessage & { [BODY]?: TakenBody };

export interface BodySource {
  /** Undefined without a socket: then nothing is bounded in time. */
  readonly host?: NodeExchangeHost;
  readonly connection?: NodeConnection;
}

export class TakenBody {
  readonly #source: BodySource;
  readonly #request: Owned;
  readonly #events: TakeOverEvents;
  readonly #limit: number;
  /** Bytes that are still allowed. */
  #left: number;
  readonly #pace: BodyPace | undefined;
  /** Joins the small pieces of a chunked body. */
  readonly #joiner: ChunkJoiner | undefined;
  #lingering: Lingering | undefined;
  /** It is too large. */
  #isRefused = false;
  /** The request has ended in another way than by the application. */
  #isVoid = false;

  constructor(source: BodySource, request: IncomingMessage, events: TakeOverEvents, limit: number) {
    this.#source = source;
    this.#request = request;
    this.#events = events;
    this.#limit = limit;
    this.#left = limit - request.readableLength;
    this.#request[BODY] = this;
    request.push = push;
    if (isChunked(request)) {
      this.#joiner = new ChunkJoiner(request, (joined) => this.#deliver(joined));
      request.removeAllListeners(FLOOD).once(FLOOD, () => this.#flooded());
    }
    const { host } = source;
    if (host === undefined) return;
    this.#pace = new BodyPace(host.wheel, () => this.#tooSlow());
    this.#pace.start();
  }

  get isComplete(): boolean {
    return this.#request.complete;
  }

  /** Nothing reads it any more. */
  get #isDropped(): boolean {
    return this.#isVoid || this.#isRefused || isDumped(this.#request);
  }

  /** @returns false when no more is to be read for now */
  arrived(piece: Uint8Array | null): boolean {
    const length = piece?.length ?? 0;
    if (piece === null) {
      this.#pace?.stop();
      this.#events.bodyArrived();
    } else this.#pace?.arrived(length);
    const isDropped = this.#isDropped;
    // What a reader gets is bounded by the limit of its route.
    if (isDropped) this.#lingering?.dropped(length);
    else this.#lingering?.passed();
    if (isDropped && (piece !== null || this.#isVoid || this.#isRefused)) return true;
    this.#left -= length;
    if (this.#left < 0) {
      this.#refuse();
      return true;
    }
    if (piece !== null && this.#joiner !== undefined) return this.#joiner.add(piece);
    this.#joiner?.flush();
    return this.#deliver(piece);
  }

  #refuse(): void {
    const isBehind = this.#lingering !== undefined;
    const error = bodyTooLarge(this.#limit);
    this.#isRefused = true;
    this.#pace?.stop();
    this.#events.bodyRefused(error);
    if (isBehind) this.#drop(error);
  }

  /** Nothing more of it arrives. */
  broken(fault: HttpError): void {
    if (this.isComplete || this.#isVoid || this.#isRefused) return;
    this.#pace?.stop();
    if (this.#lingering === undefined) this.#events.bodyRefused(fault);
    else this.#drop(aborted());
  }

  /**
   * Drops the rest. What reads the body gets the error; the connection stays, because its client may not have
   * read the response.
   */
  #drop(error: Error): void {
    const request = this.#request;
    this.#isRefused = true;
    request._destroy = (thrown, done) => done(thrown);
    this.#events.deliver(() => void request.destroy(error));
    readOn(request);
  }

  #deliver(piece: Uint8Array | null): boolean {
    const request = this.#request;
    const { host, connection } = this.#source;
    let isWanted = true;
    const deliver = (): void =>
      this.#events.deliver(() => {
        isWanted = above(request, BODY).push.call(request, piece);
      });
    if (host === undefined || connection === undefined) deliver();
    else host.withinParser(connection, deliver);
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

  /**
   * Drops what still arrives behind the response: if the connection was closed meanwhile, the client would
   * lose the response.
   * @param over called when the body is complete or given up
   */
  linger(over: () => void): void {
    const { host } = this.#source;
    if (host === undefined) return;
    const request = this.#request;
    const isDropped = this.#isDropped;
    const ms = isDropped || isRead(request) ? CLOSE_AFTER_MS : END_AFTER_MS;
    this.#lingering = new Lingering(host, this, over);
    this.#lingering.wait(ms, isDropped ? over : () => this.#lingerOn(host, over));
    // The connection may have been paused because its client did not read.
    if (this.#isVoid) request.socket.resume();
    else readOn(request);
  }

  /** The application reads no more of it, or its client sends no more. */
  #lingerOn(host: NodeExchangeHost, over: () => void): void {
    if (this.isComplete || this.#isRefused) {
      over();
      return;
    }
    this.#drop(aborted());
    this.#lingering = new Lingering(host, this, over);
    this.#lingering.wait(CLOSE_AFTER_MS, over);
  }

  /** Hands nothing more over: to the application, its client has left. */
  leave(): void {
    this.#isVoid = true;
    this.#pace?.stop();
  }

  stopPace(): void {
    this.#pace?.stop();
  }

  /** Call when the connection has closed. */
  stop(): void {
    this.#pace?.stop();
    this.#lingering?.stop();
  }
}

/** Nothing has begun to read the request before its response: Node.js drops the rest. */
const isDumped = (request: IncomingMessage): boolean =>
  (request as unknown as { readonly _dumped: boolean })._dumped;

/** Something reads it, or will go on to. */
const isRead = (request: IncomingMessage): boolean =>
  request.readableFlowing === true ||
  request.listenerCount('data') > 0 ||
  request.listenerCount('readable') > 0;

/** As Node.js reports it to what reads a body that does not arrive. */
export const aborted = (): Error => Object.assign(new Error('aborted'), { code: 'ECONNRESET' });

function push(this: Owned, piece: Uint8Array | null): boolean {
  return this[BODY]?.arrived(piece) ?? above(this, BODY).push.call(this, piece);
}
