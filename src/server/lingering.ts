// The rest of a request body whose response came early. A reader that waits for it gets it, within these
// bounds and those of the body. Usually nothing reads it any more: then it is read and dropped (RFC 9112
// section 9.6). If the connection were closed while bytes of the client are unread, the
// kernel would reset it, and the client would lose the part of the response that it has not read. Many
// clients send the whole body before they read.
//
// Dropping costs no memory, but time of the event loop. So it has a bound of bytes, and after the response
// one of time. Beyond them reading is paused, and the connection is closed a little later.
import type { Counter } from '../memory/metrics/recorder.js';
import { IdleAlarm } from './idle-alarm.js';
import type { TimerWheel } from './timer-wheel.js';

/** Bytes that are dropped of one body. */
export const MOST_BYTES = 64 * 1024 * 1024;
/** A smaller piece counts as this many bytes, because the call of JavaScript costs more than the bytes. */
const PIECE_BYTES = 1024;
/** Time for which a body is dropped after its response. */
export const MOST_MS = 60_000;
/** After a complete response, the connection is closed when nothing has arrived for this time. */
export const CLOSE_AFTER_MS = 10_000;
/**
 * The end of a streamed response is held back until nothing has arrived for this time. Some clients stop
 * sending at an error status, and wait for that end (curl does).
 */
export const END_AFTER_MS = 1000;

export interface LingeringHost {
  readonly wheel: TimerWheel;
  /** Counts the bodies that were given up before their end. */
  readonly abandonedBodies: Pick<Counter, 'add'>;
}

export class Lingering {
  readonly #host: LingeringHost;
  readonly #body: { readonly isComplete: boolean };
  readonly #beyond: () => void;
  #bytes = 0;
  #until = Number.POSITIVE_INFINITY;
  #isBeyond = false;
  #idle: IdleAlarm | undefined;
  #over: (() => void) | undefined;

  /**
   * @param beyond called once, within a callback of the core, when a bound is exceeded: nothing more is to be
   * read
   */
  constructor(host: LingeringHost, body: { readonly isComplete: boolean }, beyond: () => void) {
    this.#host = host;
    this.#body = body;
    this.#beyond = beyond;
  }

  /** More may be dropped. */
  get isUseful(): boolean {
    return !this.#body.isComplete && !this.#isBeyond;
  }

  /**
   * Call when nothing but the body keeps the connection open.
   * @param idleMs longest wait for the next piece
   * @param over called when the body is complete or given up, outside of the callbacks of the core: the core
   * drops what it corks when the connection is closed within them
   */
  wait(idleMs: number, over: () => void): void {
    const { wheel } = this.#host;
    this.#over = over;
    this.#until = wheel.now() + MOST_MS;
    this.#idle = new IdleAlarm(wheel, idleMs, () => this.#end());
    this.#idle.start();
    if (this.#body.isComplete) this.#endLater();
  }

  /** Call when the connection is closed. */
  stop(): void {
    this.#over = undefined;
    this.#idle?.stop();
  }

  /** Call for each piece that is dropped. @param bytes of the piece; the last one may be empty */
  dropped(bytes: number): void {
    this.#took(Math.max(bytes, PIECE_BYTES));
  }

  /** Call for each piece that a reader gets. */
  passed(): void {
    this.#took(0);
  }

  #took(bytes: number): void {
    this.#idle?.touch();
    if (this.#body.isComplete) {
      if (this.#over !== undefined) this.#endLater();
      return;
    }
    this.#bytes += bytes;
    if (this.#isBeyond || (this.#bytes <= MOST_BYTES && this.#host.wheel.now() < this.#until)) return;
    this.#isBeyond = true;
    this.#host.abandonedBodies.add();
    this.#beyond();
  }

  #endLater(): void {
    setImmediate(() => this.#end());
  }

  #end(): void {
    const over = this.#over;
    if (over === undefined) return;
    this.stop();
    if (this.isUseful) this.#host.abandonedBodies.add();
    over();
  }
}
