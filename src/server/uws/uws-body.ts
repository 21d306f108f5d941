// The body of one request of a socket. The core hands pieces over whether or not they are wanted, and only to
// a handler that was attached in the request callback. While reading is paused the core watches the socket no
// more: it learns neither of its end nor of a reset, nor that it takes bytes again.
//
// A piece is what arrived in one packet, or one chunk of the chunked coding, and each costs a call into
// JavaScript. A slow client may send small ones, so bytes are counted, not pieces; but a client that makes
// thousands of tiny pieces of one packet means to keep the loop busy, and is refused.
//
// Behind the last chunk there may be trailers, which the core takes for the next request: it answers 505 by
// itself and closes, also where a response is pending. So the end of a chunked body is handed over a turn
// later, when the core has read the packet to its end, and until the response is written nothing more is
// read: what a handler makes of the whole body happens only if the client can be told of it.
import type { CoreResponse } from './uws-core.js';

/**
 * More pieces than this in one turn of the loop are refused if they hold fewer bytes each, on average, than
 * below.
 */
const FLOOD_PIECES = 4096;
const FLOOD_BYTES = 16;

const NOTHING = new ArrayBuffer(0);

type OnPiece = (piece: Uint8Array, isLast: boolean) => void;

export interface BodyEvents {
  /** Called with what a reader throws: nothing may leave a callback of the core. */
  failed(error: unknown): void;
  /** One packet holds thousands of tiny pieces; the core is still in the middle of it. */
  flooded(): void;
  /** The response has begun. */
  isAnswered(): boolean;
}

export class UwsBody {
  readonly #res: CoreResponse;
  readonly #isChunked: boolean;
  readonly #events: BodyEvents;
  #onPiece: OnPiece | undefined;
  /**
   * The core hands pieces to us: when the last one comes it stops its idle clock, whether or not the request
   * is over.
   */
  isAttached = false;
  #wantsPause = false;
  #paused = false;
  /** Nothing behind the end is read before the response begins. */
  #isHeld = false;
  /** The response is complete, or the client gone: `res` must not be touched. */
  #over = false;
  /** All of it has arrived. */
  isComplete = false;
  /** In this turn of the loop. */
  #pieces = 0;
  #bytes = 0;

  /** More of it comes to us. */
  get isUnderWay(): boolean {
    return this.isAttached && !this.isComplete;
  }

  constructor(res: CoreResponse, isChunked: boolean, events: BodyEvents) {
    this.#res = res;
    this.#isChunked = isChunked;
    this.#events = events;
  }

  /** In the request callback. */
  read(onPiece: OnPiece): void {
    this.#onPiece = onPiece;
    this.isAttached = true;
    this.#res.onData((piece, isLast) => this.#take(piece, isLast));
  }

  /**
   * A tick later: the core starts its 10 s clock when a callback of its own returns, and a pause stops it.
   */
  pause(): void {
    if (this.#wantsPause) return;
    this.#wantsPause = true;
    setImmediate(() => {
      if (!this.#wantsPause || this.#paused || this.isComplete || this.#over) return;
      this.#paused = true;
      this.#res.pause();
    });
  }

  /** A write that the socket did not take has made the core read again. */
  pauseAgain(): void {
    if (this.#paused && !this.#over) this.#res.pause();
  }

  resume(): void {
    this.#wantsPause = false;
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#res.resume();
  }

  /** The response is on its way, and may take long: from now on it is noticed that the client leaves. */
  watch(): void {
    if (this.#isHeld && !this.#over) this.#res.resume();
    this.#isHeld = false;
  }

  /** What still comes is wanted no more. */
  discard(): void {
    this.#onPiece = undefined;
    this.resume();
  }

  /** What still comes is thrown away by the core. */
  finish(): void {
    this.#over = true;
    this.#onPiece = undefined;
  }

  #take(piece: ArrayBuffer, isLast: boolean): void {
    if (this.#over) return;
    this.isComplete = isLast;
    if (this.#paused) {
      // A write that was held up behind our back has made the core read again.
      this.#paused = false;
      this.#wantsPause = false;
      this.pause();
    }
    if (!isLast && this.#isFlood(piece.byteLength)) this.#events.flooded();
    else if (isLast && this.#isChunked) this.#endLater();
    else if (this.#onPiece !== undefined) this.#hand(this.#onPiece, piece, isLast);
  }

  #endLater(): void {
    this.#isHeld = !this.#events.isAnswered();
    if (this.#isHeld) this.#res.pause();
    setImmediate(() => {
      if (this.#onPiece !== undefined) this.#hand(this.#onPiece, NOTHING, true);
    });
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
