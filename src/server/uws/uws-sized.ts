// A response in pieces whose total length is known. The core takes what the socket takes and buffers nothing,
// so the rest is offered again when the socket takes bytes.

import { toError } from '../../telemetry/to-error.js';
import { clientClosed } from '../body/body.js';
import { IdleAlarm } from '../idle-alarm.js';
import { checkLength } from '../response/plain-bytes.js';
import type { TimerWheel } from '../timer-wheel.js';
import { type CoreResponse, restartClock } from './uws-core.js';
import { type SizedWrite, writeSized } from './uws-pending-response.js';

const PIECE_BYTES = 64 * 1024;

export interface SizedEvents {
  /**
   * Called before every write that may be the last, to stop reading. Before other writes the core has to keep
   * reading, or it would not notice that the client leaves.
   */
  beforeLast(): void;
  /** Called when the last byte was taken: `res` is dead. */
  complete(): void;
  /** Called when the client has taken nothing for too long. */
  stalled(): void;
}

export class UwsSized {
  readonly #res: CoreResponse;
  readonly #length: number;
  readonly #events: SizedEvents;
  readonly #idle: IdleAlarm;
  #write: SizedWrite = writeSized;
  #over = false;
  /** What the core did not take, and at which byte of the response it begins. */
  #left: { readonly bytes: Uint8Array; readonly length: number; readonly at: number } | undefined;
  /**
   * Why the rest could not be offered again. Nothing may be thrown into the core: that would end the process.
   */
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(res: CoreResponse, length: number, wheel: TimerWheel, idleMs: number, events: SizedEvents) {
    this.#res = res;
    this.#length = length;
    this.#events = events;
    this.#idle = new IdleAlarm(
      wheel,
      idleMs,
      () => events.stalled(),
      () => restartClock(res),
    );
  }

  /** Call after the head was written, within its cork. */
  start(write: SizedWrite): void {
    this.#write = write;
    this.#res.onWritable((offset) => {
      this.#idle.touch();
      try {
        return this.#offerAgain(offset);
      } catch (error) {
        this.#failure = toError(error);
        this.#wakeWriter();
        return false;
      }
    });
  }

  /**
   * Resolves when all bytes were taken.
   * @param length of the bytes when writing began
   * @throws HttpError CLIENT_CLOSED; TypeError when their memory is taken away meanwhile
   */
  async write(bytes: Uint8Array, length: number): Promise<void> {
    for (let at = 0; at < length; at += PIECE_BYTES) {
      if (this.#over) throw clientClosed();
      checkLength(bytes, length);
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      let isTaken = true;
      this.#res.cork(() => {
        isTaken = this.#offer(piece);
      });
      if (!isTaken) await this.#taken();
    }
  }

  /** Call when the response is complete or the client has left. */
  finish(): void {
    this.#over = true;
    this.#idle.stop();
    this.#wakeWriter();
  }

  #offerAgain(offset: number): boolean {
    const left = this.#left;
    if (left === undefined) return true;
    checkLength(left.bytes, left.length);
    const isTaken = this.#offer(left.bytes.subarray(offset - left.at));
    if (isTaken) this.#wakeWriter();
    return isTaken;
  }

  /** @returns false when a part was not taken */
  #offer(bytes: Uint8Array): boolean {
    const at = this.#res.getWriteOffset();
    if (at + bytes.length >= this.#length) this.#events.beforeLast();
    const [isTaken, isComplete] = this.#write(this.#res, bytes, this.#length);
    this.#left = isTaken || isComplete ? undefined : { bytes, length: bytes.length, at };
    if (isComplete) this.#events.complete();
    return isTaken || isComplete;
  }

  async #taken(): Promise<void> {
    this.#idle.start();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#idle.stop();
    if (this.#failure !== undefined) throw this.#failure;
    // The client has left before the end of these bytes.
    if (this.#left !== undefined) throw clientClosed();
  }

  #wakeWriter(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
