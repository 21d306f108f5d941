// A response in pieces of unknown total length, written to the core no faster than the client takes it.
//
// The core reports that the socket takes bytes again, but not while reading from it is paused: pausing stops
// both. So a response whose request is still sending its body (it may be made of that body) does not rely on
// the report alone: it tries again by itself, with a small piece, after waiting longer and longer. A write
// that the socket does not take makes the core read again, so reading is paused anew.
//
// The core gathers 16 KiB in a cork. When something longer than the rest of that is written, it sends what it
// has gathered, and if the socket does not take all of that, it drops what was to be written: the client gets
// the head of a chunk without its bytes (https://github.com/uNetworking/uWebSockets.js/issues/1249). So a
// piece has a cork of its own, fits into it, and is not written while the core itself corks the connection:
// in its callbacks, and in the microtasks behind them.
import { clientClosed } from '../body/body.js';
import { IdleAlarm } from '../idle-alarm.js';
import { checkLength } from '../response/plain-bytes.js';
import type { Alarm, TimerWheel } from '../timer-wheel.js';
import { type CoreResponse, isReset, restartClock } from './uws-core.js';

/** Size of one write, which fits into a cork with the head of its chunk and what may precede that. */
const PIECE_BYTES = 16 * 1024 - 256;
/** Size of a write while the core buffers; it takes these bytes regardless. */
const PROBE_BYTES = 1024;
/** Bytes after which a source that is never short of them yields to other work. */
const TURN_BYTES = 256 * 1024;
/** Time between two tries: at first, and at most. */
const [TRY_AFTER_MS, TRY_AFTER_MOST_MS] = [10, 500] as const;

/** What writing needs to know of the body of the request. */
export interface BodyUnderWay {
  /** More of the body may arrive. */
  readonly isUnderWay: boolean;
  /** Pauses reading again if it is meant to be paused. */
  pauseAgain(): void;
}

export class UwsStream {
  readonly #res: CoreResponse;
  readonly #wheel: TimerWheel;
  readonly #idle: IdleAlarm;
  readonly #body: BodyUnderWay | undefined;
  readonly #lost: () => void;
  #over = false;
  /** The core may cork what is written in this turn of the event loop. */
  #isCorked = false;
  /** The core has reported that it buffers. */
  #blocked = false;
  #unyielded = 0;
  #wake: (() => void) | undefined;
  #nextTry: Alarm | undefined;
  #tryAfterMs: number = TRY_AFTER_MS;

  /** @param lost called when the client has taken nothing for `idleMs`, or has left */
  constructor(
    res: CoreResponse,
    body: BodyUnderWay | undefined,
    wheel: TimerWheel,
    idleMs: number,
    lost: () => void,
  ) {
    this.#res = res;
    this.#body = body;
    this.#wheel = wheel;
    this.#lost = lost;
    this.#idle = new IdleAlarm(wheel, idleMs, lost, () => {
      restartClock(res);
      body?.pauseAgain();
    });
  }

  /** Call after the head was written, within its cork. */
  start(): void {
    this.corked();
    this.#res.onWritable(() => {
      this.#idle.touch();
      // Because `onWritable` has a handler, the core does not empty its buffer itself. An empty cork does.
      this.#res.cork(() => {});
      this.#wakeWriter();
      return true;
    });
  }

  /** Call in a callback of the core that is about this connection. */
  corked(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    setImmediate(() => {
      this.#isCorked = false;
    });
  }

  /**
   * @param length of the bytes when writing began
   * @throws HttpError CLIENT_CLOSED; TypeError when their memory is taken away meanwhile
   */
  async write(bytes: Uint8Array, length: number): Promise<void> {
    for (let at = 0; at < length; ) {
      while (this.#isCorked) await turn();
      if (this.#over) throw clientClosed();
      checkLength(bytes, length);
      const piece = bytes.subarray(at, at + (this.#blocked ? PROBE_BYTES : PIECE_BYTES));
      at += piece.length;
      this.#writePiece(piece);
      this.#unyielded += piece.length;
      if (this.#blocked) await this.#writable();
      else if (this.#unyielded >= TURN_BYTES) await turn();
      else continue;
      this.#unyielded = 0;
    }
    if (this.#over) throw clientClosed();
  }

  /** Call when the response is complete or the client has left. */
  finish(): void {
    this.#over = true;
    this.#idle.stop();
    this.#wakeWriter();
  }

  #writePiece(piece: Uint8Array): void {
    const wasBlocked = this.#blocked;
    this.#res.cork(() => {
      this.#blocked = !this.#res.write(piece);
    });
    if (this.#blocked) {
      if (!wasBlocked) this.#idle.start();
      this.#body?.pauseAgain();
    } else if (wasBlocked) {
      this.#idle.stop();
      this.#tryAfterMs = TRY_AFTER_MS;
    }
  }

  async #writable(): Promise<void> {
    if (this.#body?.isUnderWay === true) {
      this.#nextTry = this.#wheel.after(this.#tryAfterMs, () => {
        if (isReset(this.#res)) this.#lost();
        else this.#wakeWriter();
      });
      this.#tryAfterMs = Math.min(2 * this.#tryAfterMs, TRY_AFTER_MOST_MS);
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeWriter(): void {
    this.#nextTry?.cancel();
    this.#nextTry = undefined;
    this.#wake?.();
    this.#wake = undefined;
  }
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
