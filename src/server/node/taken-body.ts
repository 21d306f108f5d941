// The body of a request that an application of `node:http` reads by itself. It is counted on its way into the
// stream of the request, whose method `push` is replaced: what is too large or too slow is refused, and what
// nothing reads behind the response is dropped.
import type { IncomingMessage } from 'node:http';
import { bodyTooLarge } from '../body/body.js';
import type { TakeOverEvents } from '../exchange.js';
import { CLOSE_AFTER_MS, Lingering, MOST_BYTES } from '../lingering.js';
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

  /** @returns false when no more is to be read for now */
  arrived(piece: Uint8Array | null): boolean {
    const length = piece?.length ?? 0;
    if (piece === null) {
      this.#pace?.stop();
      this.#events.bodyArrived();
    } else this.#pace?.arrived(length);
    const isDropped = this.#isVoid || this.#isRefused || isDumped(this.#request);
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
    this.#isRefused = true;
    this.#pace?.stop();
    const error = bodyTooLarge(this.#limit);
    this.#events.bodyRefused(error);
    if (this.#lingering === undefined) return;
    // Behind the response, what reads the body gets the error.
    this.#events.deliver(() => void this.#request.destroy(error));
    this.#lingering.dropped(MOST_BYTES + 1);
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
    this.#lingering = new Lingering(host, this, over);
    this.#lingering.wait(CLOSE_AFTER_MS, over);
    // The connection may have been paused because its client did not read.
    if (this.#isVoid) request.socket.resume();
    else readOn(request);
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

function push(this: Owned, piece: Uint8Array | null): boolean {
  return this[BODY]?.arrived(piece) ?? above(this, BODY).push.call(this, piece);
}
