// The body of one request: bytes from the first one that arrives until a reader has them, in one buffer that
// grows. The core hands over pieces of any size, down to one byte; a Buffer for each would cost a hundred
// times what it holds.
//
// The bytes are bounded by the route's limit and by what the process may hold (BodyClaim); a reader that is
// behind stops the reading from the socket; a peer that sends nothing for a while is given up.
import { HttpError, UnavailableError } from '../../errors.js';
import type { Exchange } from '../exchange.js';
import { IdleAlarm } from '../idle-alarm.js';
import { Refusal } from '../refusal.js';
import type { TimerWheel } from '../timer-wheel.js';
import type { TurnEnd } from '../turn-end.js';
import type { BodyClaim } from './body-claim.js';

/**
 * No byte for this long is 408. It is below the core's own cut of about 10 s, so that the client gets a
 * response.
 */
export const BODY_IDLE_MS = 8000;
/** A body that has no reader, or whose reader is behind by this much, is not read from the socket. */
const HIGH_WATER_BYTES = 64 * 1024;
/** A buffer that has to grow becomes at least this large. */
const LEAST_BYTES = 1024;

const EMPTY = Buffer.alloc(0);

export const bodyTooLarge = (limit: number): HttpError =>
  new Refusal('BODY_TOO_LARGE', `The body is larger than ${limit} bytes.`);

const bodyTimeout = (): HttpError =>
  new Refusal('BODY_TIMEOUT', `No byte of the body arrived for ${BODY_IDLE_MS / 1000} seconds.`);

const overloaded = (detail = 'The bodies of too many requests are on their way.'): HttpError =>
  new UnavailableError('OVERLOADED', detail);

/** However little others hold: it is refused whenever it is sent. */
const moreThanOneMayHold = (bytes: number): string =>
  `More of the body has arrived than is held for one client: ${bytes} bytes of MAX_BUFFERED_BODY_BYTES.`;

/** The client left: for logs and metrics only. */
export const clientClosed = (): HttpError => new HttpError('CLIENT_CLOSED', 'The client closed the request.');

/** The request that a body belongs to. */
export interface BodyOwner {
  /** The whole body is wanted and has not arrived by the end of this turn of the loop. */
  bodyAwaited(): void;
  /** It has arrived after that. @returns why the request cannot go on, undefined when it can */
  bodyArrived(): HttpError | undefined;
}

export interface BodyParts {
  readonly exchange: Pick<Exchange, 'readBody' | 'isBodyComplete' | 'onClosed' | 'pause' | 'resume'>;
  readonly wheel: TimerWheel;
  readonly turnEnd: TurnEnd;
  /** Undefined for a body that counts for nothing here: its bytes are the caller's. */
  readonly claim: BodyClaim | undefined;
  readonly owner: BodyOwner;
  /** Largest body in bytes. */
  readonly limit: number;
  /** Announced bytes, -1 when none are. */
  readonly contentLength: number;
}

/** Whoever waits for the whole body, or for more of it. */
interface Waiter {
  arrived(): void;
  failed(error: HttpError): void;
}

export class RequestBody {
  readonly #parts: BodyParts;
  readonly #silence: IdleAlarm;
  #buffer: Buffer = EMPTY;
  #length = 0;
  #received = 0;
  #reader: 'none' | 'whole' | 'stream' = 'none';
  #waiter: Waiter | undefined;
  #end: 'complete' | HttpError | undefined;
  /** The owner knows that the whole body is waited for. */
  #isAwaited = false;
  #isPaused = false;

  /** Begins to read, in the callback of the request: bytes that arrive before there is a reader are kept. */
  constructor(parts: BodyParts) {
    this.#parts = parts;
    const { exchange, wheel } = parts;
    this.#silence = new IdleAlarm(wheel, BODY_IDLE_MS, () => this.#settle(bodyTimeout()));
    if (!exchange.readBody((piece, isLast) => this.#take(piece, isLast))) this.#settle(clientClosed());
    if (this.#end === undefined) exchange.onClosed(() => this.#settle(clientClosed()));
  }

  /**
   * The whole body, as memory of its own.
   * @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, OVERLOADED, CLIENT_CLOSED
   */
  whole(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#read('whole', {
        arrived: () => resolve(this.#buffer.subarray(0, this.#length)),
        failed: reject,
      });
    });
  }

  /**
   * The body as it arrives, read from the socket only as fast as it is consumed.
   * @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, OVERLOADED, CLIENT_CLOSED
   */
  async *stream(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        if (this.#length > 0) {
          yield this.#handOut();
          this.#resume();
        } else if (this.#end === 'complete') {
          return;
        } else {
          await new Promise<void>((resolve, reject) => {
            this.#read('stream', { arrived: resolve, failed: reject });
          });
        }
      }
    } finally {
      this.release(clientClosed());
    }
  }

  /**
   * The request has ended, or nothing more of the body is wanted: a reader that still waits gets this error.
   */
  release(error: HttpError): void {
    this.#settle(error);
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#parts.claim?.release();
  }

  #read(reader: 'whole' | 'stream', waiter: Waiter): void {
    this.#reader = reader;
    this.#waiter = waiter;
    if (this.#end !== undefined) {
      this.#wake();
      return;
    }
    this.#resume();
    // What the core has read with the header it hands over when the callback of the request is over.
    this.#parts.turnEnd.add(() => this.#turnEnded());
  }

  #turnEnded(): void {
    if (this.#end !== undefined || this.#waiter === undefined || this.#parts.exchange.isBodyComplete) return;
    if (this.#parts.claim?.wait() === false) {
      this.#settle(overloaded());
      return;
    }
    this.#silence.start();
    if (this.#reader !== 'whole' || this.#isAwaited) return;
    this.#isAwaited = true;
    this.#parts.owner.bodyAwaited();
  }

  /** @param piece valid during this call only */
  #take(piece: Uint8Array, isLast: boolean): void {
    if (this.#end !== undefined) return;
    this.#received += piece.byteLength;
    const { limit } = this.#parts;
    if (this.#received > limit) this.#settle(bodyTooLarge(limit));
    else if (!this.#append(piece, isLast)) this.#settle(this.#refusal(this.#length + piece.byteLength));
    else if (isLast) this.#settle('complete');
    else this.#tookMore();
  }

  #tookMore(): void {
    this.#silence.touch();
    if (this.#reader !== 'whole' && this.#length >= HIGH_WATER_BYTES) this.#pause();
    if (this.#reader === 'stream') this.#wake();
  }

  /** False: the process holds too many bytes of bodies. */
  #append(piece: Uint8Array, isLast: boolean): boolean {
    const needed = this.#length + piece.byteLength;
    if (needed > this.#buffer.byteLength) {
      const size = isLast ? needed : this.#sizeFor(needed);
      if (this.#parts.claim?.grow(size - this.#buffer.byteLength) === false) return false;
      const larger = Buffer.allocUnsafe(size);
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = needed;
    return true;
  }

  #refusal(needed: number): HttpError {
    const most = this.#parts.claim?.most;
    return most === undefined || needed <= most ? overloaded() : overloaded(moreThanOneMayHold(most));
  }

  /**
   * Twice as large as before, but never larger than the rest of the body can be, or than one client may hold.
   */
  #sizeFor(needed: number): number {
    const { contentLength, limit, claim } = this.#parts;
    const rest = (contentLength >= 0 ? contentLength : limit) - this.#received + needed;
    const most = Math.min(rest, claim?.most ?? rest);
    return Math.max(needed, Math.min(most, Math.max(LEAST_BYTES, 2 * this.#buffer.byteLength)));
  }

  /** Gives what has arrived to the reader, whose memory it is from now on. */
  #handOut(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#parts.claim?.releaseBytes();
    return bytes;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#parts.exchange.pause();
    // The peer waits for us now.
    this.#silence.stop();
  }

  #resume(): void {
    if (!this.#isPaused || this.#end !== undefined) return;
    this.#isPaused = false;
    this.#parts.exchange.resume();
  }

  /** Nothing more is read. */
  #settle(end: 'complete' | HttpError): void {
    if (this.#end === undefined) {
      this.#end = end;
      this.#silence.stop();
      this.#parts.claim?.arrived();
      const refusal = this.#isAwaited ? this.#parts.owner.bodyArrived() : undefined;
      if (end === 'complete' && refusal !== undefined) this.#end = refusal;
    }
    this.#wake();
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    const hasMore = this.#reader === 'stream' && this.#length > 0;
    if (hasMore || this.#end === 'complete' || this.#end === undefined) waiter?.arrived();
    else waiter?.failed(this.#end);
  }
}
