// Lets a handler of the library read no further request while its client has not taken the responses. The
// handler of reflection would make a response to each request, however many are waiting to be sent.
import type { ServerHttp2Stream } from 'node:http2';
import { IdleAlarm } from '../idle-alarm.js';
import type { TimerWheel } from '../timer-wheel.js';
import { resetStream } from './rpc-stream.js';

export interface ResponsePaceOptions {
  readonly stream: ServerHttp2Stream;
  readonly wheel: TimerWheel;
  /** STREAM_IDLE_MS: a client that does not take a response for so long is cut off. */
  readonly idleMs: number;
  /** Lets the library read a request. */
  readonly read: () => void;
}

export class ResponsePace {
  readonly #options: ResponsePaceOptions;
  readonly #idle: IdleAlarm;
  /** Responses that the client has not taken. */
  #untaken = 0;
  #isReadWanted = false;

  constructor(options: ResponsePaceOptions) {
    const { stream, wheel, idleMs } = options;
    this.#options = options;
    this.#idle = new IdleAlarm(wheel, idleMs, () => resetStream(stream));
    stream.once('close', () => this.#idle.stop());
  }

  /** Call when the handler wants a request. */
  read(): void {
    if (this.#untaken > 0) this.#isReadWanted = true;
    else this.#options.read();
  }

  /** Call when the handler sends a response. */
  sends(): void {
    this.#untaken += 1;
    if (!this.#options.stream.closed) this.#idle.start();
  }

  /** Call when the client has taken a response. */
  taken(): void {
    this.#untaken -= 1;
    if (this.#untaken > 0) return;
    this.#idle.stop();
    if (!this.#isReadWanted) return;
    this.#isReadWanted = false;
    this.#options.read();
  }
}
