// The body of one request of a socket. It is read from the socket only while it has a reader: what is not
// read waits in the kernel, beside at most 64 KiB in the stream of `node:http`. So a handler may begin to
// read at any time before its response is complete.
//
// The limits of a body count its bytes. A client that sends thousands of tiny chunks (node-pieces.ts), or a
// byte now and then, is refused for itself.
import type { IncomingMessage } from 'node:http';
import type { HttpError } from '../../errors.js';
import type { BodyReading } from '../exchange.js';
import { Lingering, MOST_BYTES } from '../lingering.js';
import { BodyPace, tooSlow } from './body-pace.js';
import type { NodeConnection } from './node-connection.js';
import type { NodeExchangeHost } from './node-exchange-host.js';
import { readDirectly, readOn } from './node-message.js';
import { FLOOD, flood } from './node-pieces.js';

const NOTHING = new Uint8Array(0);

type OnPiece = (piece: Uint8Array, isLast: boolean) => void;

export interface BodyEvents {
  readonly host: NodeExchangeHost;
  readonly connection: NodeConnection;
  /** Called with what a reader has thrown. */
  failed(error: unknown): void;
  /** Called once, when what arrives is refused. */
  refused(error: HttpError): void;
  /** Called when so much of the body has been dropped that no more is to be read. */
  beyond(): void;
  /** Called when the body is read for the first time. */
  wanted(): void;
}

export class NodeBody {
  readonly #request: IncomingMessage;
  readonly #events: BodyEvents;
  /** Announced bytes that have not arrived; -1 for a chunked body. */
  #left: number;
  #onPiece: OnPiece | undefined;
  #reading: BodyReading | undefined;
  #lingering: Lingering | undefined;
  /** The body counts as unfinished: it is read behind its response. */
  #isBehind = false;
  /** Its pieces are received here. */
  isAttached = false;
  /** They come from the parser; otherwise from the stream of the request. */
  #isDirect = false;
  /** Its end was received here. */
  isDelivered = false;
  #isPaused = false;
  /** The response is complete, or the client has left, and nothing more is handed over. */
  #isOver = false;
  #pace: BodyPace | undefined;

  /** @param length announced bytes; -1 for a chunked body */
  constructor(request: IncomingMessage, length: number, events: BodyEvents) {
    this.#request = request;
    this.#left = length;
    this.#events = events;
    if (length === -1)
      request.once(
        FLOOD,
        this.#guarded(() => this.#flooded()),
      );
  }

  /** The whole body has arrived. Its end may be received a moment later. */
  get isComplete(): boolean {
    const request = this.#request;
    // Node.js may call back behind the last bytes before it reports the end.
    const hasArrived = this.#left > 0 && request.readableLength >= this.#left;
    return this.isDelivered || request.complete || hasArrived;
  }

  read(onPiece: OnPiece, reading: BodyReading | undefined): void {
    this.#onPiece = onPiece;
    this.#reading = reading;
    this.#attach();
  }

  #attach(): void {
    if (this.isAttached) return;
    this.isAttached = true;
    this.#events.wanted();
    const { wheel } = this.#events.host;
    this.#pace = new BodyPace(wheel, () => this.#events.refused(tooSlow()));
    this.#pace.start();
    const request = this.#request;
    const arrived = this.#guarded((piece: Uint8Array) => this.#arrived(piece));
    this.#isDirect = this.#left !== -1 && readDirectly(request, arrived);
    if (this.#isDirect) return;
    request.on('data', arrived);
    request.on(
      'end',
      this.#guarded(() => this.#take(NOTHING, true)),
    );
    if (this.#isPaused) request.pause();
  }

  /** For what Node.js calls: a failure ends the connection. */
  #guarded<A extends unknown[], R>(listener: (...args: A) => R): (...args: A) => R | undefined {
    const { host, connection } = this.#events;
    return host.guard(listener, () => connection.socket);
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#pace?.stop();
    if (this.isAttached && !this.#isDirect) this.#request.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (!this.isAttached || this.isDelivered) return;
    if (!this.#isOver) this.#pace?.start();
    if (this.#isDirect) readOn(this.#request);
    else this.#request.resume();
  }

  /**
   * Drops what still arrives, up to the bounds of lingering.ts. A reader that waits gets it.
   */
  drop(): void {
    if (this.#lingering !== undefined) return;
    const { host } = this.#events;
    this.#lingering = new Lingering(host, this, () => this.#events.beyond());
    this.#attach();
    this.#pace?.stop();
    if (this.#reading?.goesOn !== true) {
      this.discard();
      return;
    }
    // A drain waits for it.
    this.#isBehind = true;
    host.unfinished++;
  }

  /** More may be dropped. */
  get isDropping(): boolean {
    return this.#lingering?.isUseful === true;
  }

  /** Drops the rest: see `wait` of Lingering. */
  linger(idleMs: number, over: () => void): void {
    this.drop();
    this.#lingering?.wait(idleMs, over);
  }

  /** Hands nothing more to the reader. */
  discard(): void {
    this.#onPiece = undefined;
    this.resume();
  }

  /** Call when nothing more of the body is wanted, or can arrive. */
  finish(): void {
    this.#isOver = true;
    this.#onPiece = undefined;
    this.#pace?.stop();
    this.#lingering?.stop();
    this.#endBehind();
    this.#reading?.lost();
  }

  #endBehind(): void {
    if (this.#isBehind) this.#events.host.unfinished--;
    this.#isBehind = false;
  }

  #arrived(piece: Uint8Array): boolean {
    if (this.#left !== -1) this.#left -= piece.length;
    this.#take(piece, this.#left === 0);
    return !this.#isPaused;
  }

  #take(piece: Uint8Array, isLast: boolean): void {
    if (this.#isOver || this.isDelivered) return;
    this.isDelivered = isLast;
    if (isLast) this.#pace?.stop();
    else this.#pace?.arrived(piece.length);
    const lingering = this.#lingering;
    // What a reader gets is bounded by the limit of its route.
    if (this.#isBehind && this.#reading?.goesOn === true) lingering?.passed();
    else lingering?.dropped(piece.length);
    if (this.#onPiece !== undefined) this.#hand(this.#onPiece, piece, isLast);
    if (isLast) this.#endBehind();
  }

  #hand(onPiece: OnPiece, piece: Uint8Array, isLast: boolean): void {
    const { host, connection } = this.#events;
    host.withinParser(connection, () => {
      try {
        onPiece(piece, isLast);
      } catch (error) {
        this.#events.failed(error);
      }
    });
  }

  #flooded(): void {
    if (this.#isOver) return;
    if (this.#lingering !== undefined) {
      // Nothing more of it is worth reading.
      this.#lingering.dropped(MOST_BYTES + 1);
      return;
    }
    this.#events.refused(flood());
  }
}
