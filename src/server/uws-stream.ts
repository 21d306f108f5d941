// An answer in pieces, written to the core no faster than the client takes it.
import { clientClosed } from './body.js';
import { IdleAlarm } from './idle-alarm.js';
import type { TimerWheel } from './timer-wheel.js';
import type { CoreResponse } from './uws-core.js';

/** One write; and one while the core still holds bytes back, which it then takes regardless. */
const PIECE_BYTES = 64 * 1024;
const PROBE_BYTES = 1024;
/** A source that is never short of bytes lets others run after this much. */
const TURN_BYTES = 256 * 1024;

export class UwsStream {
  readonly #res: CoreResponse;
  readonly #idle: IdleAlarm;
  #over = false;
  /** The core has said that it buffers. */
  #blocked = false;
  #unyielded = 0;
  #wake: (() => void) | undefined;

  /** @param stalled called when the client has taken nothing for `idleMs` */
  constructor(res: CoreResponse, wheel: TimerWheel, idleMs: number, stalled: () => void) {
    this.#res = res;
    this.#idle = new IdleAlarm(wheel, idleMs, stalled);
  }

  /** Behind the head, corked. */
  start(): void {
    this.#res.onWritable(() => {
      this.#idle.touch();
      // With a handler of ours the core does not drain its buffer itself; an empty cork does.
      this.#res.cork(() => {});
      this.#wakeWriter();
      return true;
    });
  }

  /** @throws HttpError CLIENT_CLOSED */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#over) throw clientClosed();
      const piece = bytes.subarray(at, at + (this.#blocked ? PROBE_BYTES : PIECE_BYTES));
      at += piece.length;
      this.#res.cork(() => {
        this.#blocked = !this.#res.write(piece);
      });
      this.#unyielded += piece.length;
      if (this.#blocked) await this.#writable();
      else if (this.#unyielded >= TURN_BYTES) await turn();
      else continue;
      this.#unyielded = 0;
    }
    if (this.#over) throw clientClosed();
  }

  /** The answer is complete or the client gone. */
  finish(): void {
    this.#over = true;
    this.#idle.stop();
    this.#wakeWriter();
  }

  async #writable(): Promise<void> {
    this.#idle.start();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#idle.stop();
  }

  #wakeWriter(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
