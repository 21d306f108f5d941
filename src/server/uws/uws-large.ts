// A whole response that the socket did not take at once. The core requests the rest when the socket takes
// bytes again, and buffers nothing itself.
import { IdleAlarm } from '../idle-alarm.js';
import { checkLength } from '../response/plain-bytes.js';
import type { TimerWheel } from '../timer-wheel.js';
import { type CoreResponse, restartClock } from './uws-core.js';
import type { SizedWrite } from './uws-pending-response.js';
import type { SizedEvents } from './uws-sized.js';

export interface LargeEvents extends SizedEvents {
  /** Called with an error, which must not be thrown into the core: that would end the process. */
  failed(error: unknown): void;
}

export class UwsLarge {
  readonly #res: CoreResponse;
  readonly #body: Uint8Array;
  readonly #length: number;
  readonly #write: SizedWrite;
  readonly #events: LargeEvents;
  readonly #idle: IdleAlarm;
  #over = false;

  /** @param idleMs time without a byte taken after which `stalled` is called */
  constructor(
    res: CoreResponse,
    body: Uint8Array,
    write: SizedWrite,
    wheel: TimerWheel,
    idleMs: number,
    events: LargeEvents,
  ) {
    this.#res = res;
    this.#body = body;
    this.#write = write;
    this.#length = body.length;
    this.#events = events;
    this.#idle = new IdleAlarm(
      wheel,
      idleMs,
      () => events.stalled(),
      () => restartClock(res),
    );
  }

  /** Call after the first write, within its cork. */
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

  /** @returns false when a part was not taken */
  #offer(offset: number): boolean {
    if (this.#over) return true; // a pending response
    checkLength(this.#body, this.#length);
    this.#idle.touch();
    this.#events.beforeLast();
    const [isTaken, isComplete] = this.#write(this.#res, this.#body.subarray(offset), this.#length);
    if (isComplete) this.#events.complete();
    return isTaken;
  }

  /** Call when the response is complete or the client has left. */
  finish(): void {
    this.#over = true;
    this.#idle.stop();
  }
}
