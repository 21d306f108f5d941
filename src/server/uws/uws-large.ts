// The rest of an answer that is there whole, of which the socket did not take all at once: the core asks for
// more when there is room, and keeps nothing back itself.
import { IdleAlarm } from '../idle-alarm.js';
import { checkLength } from '../response/plain-bytes.js';
import type { TimerWheel } from '../timer-wheel.js';
import { type CoreResponse, restartClock } from './uws-core.js';
import type { SizedEvents } from './uws-sized.js';

export interface LargeEvents extends SizedEvents {
  /** Nothing can be offered any more. Nothing may be thrown into the core: it would end the process. */
  failed(error: unknown): void;
}

export class UwsLarge {
  readonly #res: CoreResponse;
  readonly #body: Uint8Array;
  readonly #length: number;
  readonly #events: LargeEvents;
  readonly #idle: IdleAlarm;

  /** @param idleMs without a byte taken until `stalled` is called */
  constructor(res: CoreResponse, body: Uint8Array, wheel: TimerWheel, idleMs: number, events: LargeEvents) {
    this.#res = res;
    this.#body = body;
    this.#length = body.length;
    this.#events = events;
    this.#idle = new IdleAlarm(
      wheel,
      idleMs,
      () => events.stalled(),
      () => restartClock(res),
    );
  }

  /** Behind the first attempt, corked. */
  start(): void {
    this.#idle.start();
    this.#res.onWritable((offset) => {
      try {
        return this.#offer(offset);
      } catch (error) {
        this.#events.failed(error);
        return false;
      }
    });
  }

  /** False: not all of it was taken. */
  #offer(offset: number): boolean {
    checkLength(this.#body, this.#length);
    this.#idle.touch();
    this.#events.beforeLast();
    const [isTaken, isComplete] = this.#res.tryEnd(this.#body.subarray(offset), this.#length);
    if (isComplete) this.#events.complete();
    return isTaken;
  }

  /** The answer is complete or the client gone. */
  finish(): void {
    this.#idle.stop();
  }
}
