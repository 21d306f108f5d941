// Reading a request's body: never more than its limit, and never longer than a peer keeps sending.
import { HttpError } from '../errors.js';
import type { Exchange } from './exchange.js';
import { IdleAlarm } from './idle-alarm.js';
import { Refusal } from './refusal.js';
import type { TimerWheel } from './timer-wheel.js';

/** No byte for this long: 408. Below the core's own cut of about 10 s, so that the client gets an answer. */
export const BODY_IDLE_MS = 8000;
/** A stream whose reader is behind by this much stops reading from the socket. */
const HIGH_WATER_BYTES = 64 * 1024;

export const bodyTooLarge = (limit: number): HttpError =>
  new Refusal('BODY_TOO_LARGE', `The body is larger than ${limit} bytes.`);

const bodyTimeout = (): HttpError =>
  new Refusal('BODY_TIMEOUT', `No byte of the body arrived for ${BODY_IDLE_MS / 1000} seconds.`);

/** The client left: for logs and metrics only. */
export const clientClosed = (): HttpError => new HttpError('CLIENT_CLOSED', 'The client closed the request.');

/** Who takes the bytes. */
interface Sink {
  chunk(bytes: Uint8Array, pump: BodyPump): void;
  end(): void;
  fail(error: HttpError): void;
}

/** Watches size and silence for a sink; ends it or fails it, once. */
class BodyPump {
  readonly #exchange: Exchange;
  readonly #sink: Sink;
  readonly #limit: number;
  readonly #silence: IdleAlarm;
  #received = 0;
  #paused = false;
  #over = false;

  constructor(exchange: Exchange, wheel: TimerWheel, limit: number, sink: Sink) {
    this.#exchange = exchange;
    this.#sink = sink;
    this.#limit = limit;
    this.#silence = new IdleAlarm(wheel, BODY_IDLE_MS, () => this.#fail(bodyTimeout()));
    exchange.readBody((bytes, last) => this.#take(bytes, last));
    if (this.#over) return;
    exchange.onClosed(() => this.#fail(clientClosed()));
    if (!this.#paused) this.#silence.start();
  }

  /** Stops reading: the peer may be silent meanwhile, it waits for us. */
  pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#exchange.pause();
    this.#silence.stop();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    this.#exchange.resume();
    this.#silence.start();
  }

  /** Nobody wants the rest. */
  abandon(): void {
    this.#over = true;
    this.#silence.stop();
  }

  #take(bytes: Uint8Array, last: boolean): void {
    if (this.#over) return;
    this.#received += bytes.byteLength;
    if (this.#received > this.#limit) {
      this.#fail(bodyTooLarge(this.#limit));
      return;
    }
    this.#silence.touch();
    if (bytes.byteLength > 0) this.#sink.chunk(bytes, this);
    if (!last) return;
    this.abandon();
    this.#sink.end();
  }

  #fail(error: HttpError): void {
    if (this.#over) return;
    this.abandon();
    this.#sink.fail(error);
  }
}

/**
 * The whole body.
 * @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, CLIENT_CLOSED
 */
export function readBytes(exchange: Exchange, wheel: TimerWheel, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    new BodyPump(exchange, wheel, limit, {
      chunk: (bytes) => void chunks.push(bytes),
      end: () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)),
      fail: (error) => {
        chunks.length = 0;
        reject(error);
      },
    });
  });
}

/**
 * The body as it arrives, read from the socket only as fast as it is consumed.
 * @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, CLIENT_CLOSED
 */
export async function* readStream(
  exchange: Exchange,
  wheel: TimerWheel,
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const waiting: Uint8Array[] = [];
  let bytesWaiting = 0;
  let end: HttpError | 'complete' | undefined;
  let wake = (): void => {};
  const finish = (how: HttpError | 'complete'): void => {
    end = how;
    wake();
  };
  const pump = new BodyPump(exchange, wheel, limit, {
    chunk(bytes, itself) {
      waiting.push(bytes);
      bytesWaiting += bytes.byteLength;
      if (bytesWaiting >= HIGH_WATER_BYTES) itself.pause();
      wake();
    },
    end: () => finish('complete'),
    fail: finish,
  });
  try {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) {
        bytesWaiting -= next.byteLength;
        yield next;
        if (bytesWaiting < HIGH_WATER_BYTES) pump.resume();
      } else if (end === 'complete') {
        return;
      } else if (end !== undefined) {
        throw end;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    pump.abandon();
  }
}
