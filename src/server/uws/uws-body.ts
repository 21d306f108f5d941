// The body of one request of a socket. The core reports pieces whether or not they are wanted, and only to a
// handler that was attached in the request callback. While reading is paused the core does not watch the
// socket: it learns neither of its end nor of a reset (uws-paused-watch.ts does), nor that it takes bytes
// again.
//
// A piece is what arrived in one packet, or one chunk of the chunked coding, and each costs a call into
// JavaScript. A slow client may send small pieces, so the limits of a body count its bytes, not its pieces.
// But a client that makes thousands of tiny pieces of one packet wants to keep the event loop busy, and is
// refused.
//
// The core takes trailers after the last chunk for the next request. It responds 505 to them by itself and
// closes the connection, even while a response is pending. So the end of a chunked body is reported a turn
// later, when the core has read the packet to its end, and nothing more is read for a second unless the
// response is written: what a handler does with the whole body happens only if the client can get its
// response. Trailers that arrive later than that are taken for a request that follows too early.
import type { BodyReading } from '../exchange.js';
import { Lingering } from '../lingering.js';
import type { CoreResponse } from './uws-core.js';
import type { ExchangeHost } from './uws-exchange-host.js';
import { UwsPausedWatch } from './uws-paused-watch.js';

/**
 * A body with more than FLOOD_PIECES pieces in one turn of the event loop is refused if they hold fewer than
 * FLOOD_BYTES bytes each, on average.
 */
const FLOOD_PIECES = 4096;
const FLOOD_BYTES = 16;

const NOTHING = new ArrayBuffer(0);

type OnPiece = (piece: Uint8Array, isLast: boolean) => void;

export interface BodyEvents {
  readonly host: ExchangeHost;
  /** Called with what a reader has thrown, because nothing may be thrown into the core. */
  failed(error: unknown): void;
  /** The core is in the middle of a packet, and corks what is written meanwhile. */
  corked(): void;
  /** Called for a packet of thousands of tiny pieces, while the core is in the middle of it. */
  flooded(): void;
  /** Called when a reader has got the last piece, while the core is in the middle of its packet. */
  arrived(): void;
  /** Called when so much of the body has been dropped that no more is to be read. */
  beyond(): void;
  /** Called when the client has reset the connection while reading was paused. */
  left(): void;
  /** A response has been started. */
  readonly hasResponse: boolean;
}

export class UwsBody {
  readonly #res: CoreResponse;
  readonly #isChunked: boolean;
  readonly #events: BodyEvents;
  #onPiece: OnPiece | undefined;
  #reading: BodyReading | undefined;
  /** The body counts as unfinished: it is read behind its response. */
  #isBehind = false;
  /** The response is complete: the rest of the body is dropped, unless it is wanted. */
  #lingering: Lingering | undefined;
  /**
   * The pieces are received here; otherwise the core drops them. With the last one the core stops its idle
   * time-out, even if the request is not over.
   */
  isAttached = false;
  #wantsPause = false;
  #paused = false;
  /** Reading was paused at the end of the body, until the response is started. */
  #isHeld = false;
  /** Notices that the client leaves while reading is paused. */
  #watch: UwsPausedWatch | undefined;
  /** The response is complete or the client has left: `res` must not be used. */
  #over = false;
  /** The whole body has arrived. */
  isComplete = false;
  /** Pieces and bytes in this turn of the event loop. */
  #pieces = 0;
  #bytes = 0;

  /** More of the body will be reported. */
  get isUnderWay(): boolean {
    return this.isAttached && !this.isComplete;
  }

  constructor(res: CoreResponse, isChunked: boolean, events: BodyEvents) {
    this.#res = res;
    this.#isChunked = isChunked;
    this.#events = events;
  }

  /** Call in the request callback. */
  read(onPiece: OnPiece, reading: BodyReading | undefined): void {
    this.#onPiece = onPiece;
    this.#reading = reading;
    this.#attach();
  }

  #attach(): void {
    this.isAttached = true;
    this.#res.onData((piece, isLast) => this.#take(piece, isLast));
  }

  /**
   * Pauses a turn later: the core starts its 10 s clock when its callback returns, and a pause stops that.
   */
  pause(): void {
    if (this.#wantsPause) return;
    this.#wantsPause = true;
    setImmediate(() => {
      if (!this.#wantsPause || this.#paused || this.isComplete || this.#over) return;
      this.#paused = true;
      this.#res.pause();
      this.#watchPaused();
    });
  }

  /** Call after a write that the socket did not take: it has made the core read again. */
  pauseAgain(): void {
    if (this.#paused && !this.#over) this.#res.pause();
  }

  resume(): void {
    this.#wantsPause = false;
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#watch?.stop();
    this.#res.resume();
  }

  /** Call when a response starts that may take long: from now on the core notices that the client leaves. */
  watch(): void {
    if (this.#isHeld && !this.#over) {
      this.#watch?.stop();
      this.#res.resume();
    }
    this.#isHeld = false;
  }

  #watchPaused(): void {
    this.#watch ??= new UwsPausedWatch(this.#res, this.#events.host.wheel, this.#events);
    this.#watch.start(this.#isHeld);
  }

  /**
   * Drops what still arrives, up to the bounds of lingering.ts. A reader that waits gets it. Unless the
   * body is read, call it in the request callback: otherwise the end of the body may have passed unnoticed.
   */
  drop(): void {
    if (this.#lingering !== undefined) return;
    this.#lingering = new Lingering(this.#events.host, this, () => this.#events.beyond());
    if (!this.isAttached) this.#attach();
    if (this.#reading?.goesOn !== true) {
      this.discard();
      return;
    }
    // A drain waits for it.
    this.#isBehind = true;
    this.#events.host.unfinished++;
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

  /** Call it when the response is complete or the client has left: the response is not used any more. */
  finish(): void {
    this.#over = true;
    this.#onPiece = undefined;
    this.#watch?.stop();
    this.#lingering?.stop();
    this.#endBehind();
    this.#reading?.lost();
  }

  #endBehind(): void {
    if (this.#isBehind) this.#events.host.unfinished--;
    this.#isBehind = false;
  }

  #take(piece: ArrayBuffer, isLast: boolean): void {
    if (this.#over) return;
    this.isComplete = isLast;
    this.#events.corked();
    if (this.#paused) {
      // A write that the socket did not take has made the core read again.
      this.#paused = false;
      this.#wantsPause = false;
      this.pause();
    }
    const lingering = this.#lingering;
    // What a reader gets is bounded by the limit of its route; only a flood of tiny pieces counts here.
    if (this.#isBehind && this.#reading?.goesOn === true && !this.#isFlood(piece.byteLength))
      lingering?.passed();
    else lingering?.dropped(piece.byteLength);
    if (lingering === undefined && !isLast && this.#isFlood(piece.byteLength)) this.#events.flooded();
    else if (lingering === undefined && isLast && this.#isChunked) this.#endLater();
    else if (this.#onPiece !== undefined) {
      const { host } = this.#events;
      host.stores.leave();
      host.passing = this;
      this.#hand(this.#onPiece, piece, isLast);
      host.passing = undefined;
      host.interrupt.wait();
      if (isLast) this.#events.arrived();
    }
    if (isLast) this.#endBehind();
  }

  #endLater(): void {
    this.#isHeld = !this.#events.hasResponse;
    if (this.#isHeld) {
      this.#res.pause();
      this.#watchPaused();
    }
    // Code can be interrupted in any asynchronous context of a microtask, but only in some of an immediate.
    const hand = (): void => {
      if (this.#onPiece !== undefined) this.#hand(this.#onPiece, NOTHING, true);
    };
    setImmediate(() => queueMicrotask(hand));
  }

  #hand(onPiece: OnPiece, piece: ArrayBuffer, isLast: boolean): void {
    try {
      onPiece(new Uint8Array(piece), isLast);
    } catch (error) {
      this.#events.failed(error);
    }
  }

  #isFlood(bytes: number): boolean {
    if (this.#pieces === 0) {
      setImmediate(() => {
        this.#pieces = 0;
        this.#bytes = 0;
      });
    }
    this.#pieces++;
    this.#bytes += bytes;
    return this.#pieces > FLOOD_PIECES && this.#bytes < this.#pieces * FLOOD_BYTES;
  }
}
