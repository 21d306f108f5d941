// Watches a client while reading from its socket is paused. The core then reports neither a reset nor the end
// of what the client sends, and the handler would work on for a client that has left.
//
// The socket has no address any more when its client has reset the connection. The end of what a client sends
// is seen only by reading. So when the whole body has arrived, the socket is read for one turn of the event
// loop. Before that, reading would bring more of a body than its reader can take.
import type { Alarm, TimerWheel } from '../timer-wheel.js';
import { type CoreResponse, isReset } from './uws-core.js';

/** Time between two looks, in milliseconds. */
const LOOK_MS = 1000;

export interface PausedEvents {
  /** Called when the client has reset the connection. */
  left(): void;
  /** A response has been started. From then on it decides when the socket is read. */
  readonly hasResponse: boolean;
}

export class UwsPausedWatch {
  readonly #res: CoreResponse;
  readonly #wheel: TimerWheel;
  readonly #events: PausedEvents;
  readonly #ring = (): void => this.#look();
  #isComplete = false;
  #alarm: Alarm | undefined;

  constructor(res: CoreResponse, wheel: TimerWheel, events: PausedEvents) {
    this.#res = res;
    this.#wheel = wheel;
    this.#events = events;
  }

  /**
   * Call when reading is paused. May be called again.
   * @param isComplete the whole body has arrived, so the end of the connection is all that may follow
   */
  start(isComplete: boolean): void {
    this.#isComplete = isComplete;
    this.#alarm ??= this.#wheel.after(LOOK_MS, this.#ring);
  }

  /** Call when reading goes on, and before `res` must not be used any more. */
  stop(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  #look(): void {
    this.#alarm = undefined;
    if (isReset(this.#res)) {
      this.#events.left();
      return;
    }
    this.start(this.#isComplete);
    if (this.#isReadable) this.#readOneTurn();
  }

  get #isReadable(): boolean {
    return this.#isComplete && !this.#events.hasResponse;
  }

  /** The core closes the connection when it reads its end, or anything else. */
  #readOneTurn(): void {
    this.#res.resume();
    setImmediate(() => {
      // A response that has been started meanwhile pauses by itself where it has to.
      if (this.#alarm !== undefined && this.#isReadable) this.#res.pause();
    });
  }
}
