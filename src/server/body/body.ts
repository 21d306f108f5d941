// The body of one request. Its bytes are kept from the first one until a reader takes them, in one buffer
// that grows. The core delivers pieces of any size, down to one byte; a Buffer for each piece would cost a
// hundred times its content.
//
// The bytes are bounded by the route's limit and by the quotas of the process (BodyClaim). A slow reader
// stops the reading from the socket, and a peer that sends nothing for a while gets a time-out.
//
// A reader that has begun when the response is complete goes on behind it, as on other servers: an
// application may respond first and read then. The limits stay the same, the exchange bounds the time, and
// what ends the reading early is logged, because no response can report it.
import { HttpError, UnavailableError } from '../../errors.js';
import type { BodyReading, Exchange } from '../exchange.js';
import { IdleAlarm } from '../idle-alarm.js';
import { ServerRefusal } from '../server-refusal.js';
import type { TimerWheel } from '../timer-wheel.js';
import type { TurnEnd } from '../turn-end.js';
import type { BodyClaim } from './body-claim.js';

/**
 * A body of which no byte arrives for this long is refused with 408. The core itself closes the connection
 * after about 10 s, without a response.
 */
export const BODY_IDLE_MS = 8000;
/**
 * Reading from the socket pauses when this many bytes wait for a stream reader, or have arrived before there
 * is any reader.
 */
const HIGH_WATER_BYTES = 64 * 1024;
/** The smallest size that a buffer grows to. */
const LEAST_BYTES = 1024;

const EMPTY = Buffer.alloc(0);

export const bodyTooLarge = (limit: number): HttpError =>
  new ServerRefusal('BODY_TOO_LARGE', `The body is larger than ${limit} bytes.`);

const bodyTimeout = (): HttpError =>
  new ServerRefusal('BODY_TIMEOUT', `No byte of the body arrived for ${BODY_IDLE_MS / 1000} seconds.`);

export const overloaded = (detail = 'The bodies of too many requests are pending.'): HttpError =>
  new UnavailableError('OVERLOADED', detail);

/**
 * The detail for a body that needs more than one client address may hold. It is refused even if other clients
 * hold nothing.
 */
const exceedsClientShare = (bytes: number): string =>
  `More of the body has arrived than is held for one client: ${bytes} bytes of MAX_BUFFERED_BODY_BYTES.`;

const closed = (why: string): HttpError =>
  new HttpError('CLIENT_CLOSED', `The response was complete before the body had arrived, and ${why}.`);

/** The error of a request whose client left. It appears in logs and metrics only. */
export const clientClosed = (): HttpError => new HttpError('CLIENT_CLOSED', 'The client closed the request.');

/** The request that a body belongs to. */
export interface BodyOwner {
  /** Called when a reader waits beyond this turn of the loop. */
  detach(): void;
  /** Called when the whole body is wanted and has not arrived by the end of this turn of the loop. */
  bodyAwaited(): void;
  /**
   * Called when that wait is over, also by an error.
   * @param goesOn false when the client has left or has its response: there is no more work to admit
   * @returns the error with which a complete request is refused, undefined when it goes on
   */
  bodyArrived(goesOn: boolean): HttpError | undefined;
  /** Called when a reader does not get the whole body, and the response is complete. */
  bodyLost(error: HttpError): void;
}

export interface BodyDeps {
  readonly exchange: Pick<
    Exchange,
    'readBody' | 'isBodyComplete' | 'onClosed' | 'pause' | 'resume' | 'deliversBehind'
  >;
  readonly wheel: TimerWheel;
  readonly turnEnd: TurnEnd;
  /** Undefined for a body that is not counted: its bytes are held by the caller. */
  readonly claim: BodyClaim | undefined;
  readonly owner: BodyOwner;
  /** Largest body in bytes. */
  readonly limit: number;
  /** Bytes that `Content-Length` announces, -1 without it. */
  readonly contentLength: number;
}

/** A reader that waits for the whole body, or for more of it. It is called once, and throws nothing. */
interface Waiter {
  /** It waits on when the response is complete. A step does not: what follows it would respond. */
  readonly goesOn: boolean;
  arrived(): void;
  failed(error: HttpError): void;
}

const bothOf = (first: Waiter, second: Waiter): Waiter => ({
  goesOn: first.goesOn || second.goesOn,
  arrived() {
    first.arrived();
    second.arrived();
  },
  failed(error) {
    first.failed(error);
    second.failed(error);
  },
});

export class RequestBody implements BodyReading {
  readonly #deps: BodyDeps;
  /** Rings when no more of an awaited body arrives. */
  #silence: IdleAlarm | undefined;
  #buffer: Buffer = EMPTY;
  #length = 0;
  #received = 0;
  #reader: 'none' | 'whole' | 'stream' = 'none';
  #waiter: Waiter | undefined;
  #end: 'complete' | HttpError | undefined;
  #isReleased = false;
  /** True when the owner was notified that the whole body is awaited. */
  #isAwaited = false;
  #isPaused = false;
  /** The body is read as a stream, whose reader may be between two pieces. */
  #isStreamOpen = false;
  /** The response is complete, and the reading goes on. */
  #isBehind = false;
  /** Bytes of a complete body were released unread, so its stream must not end as if it were whole. */
  #isCut = false;
  /** What has ended the request then; undefined: its response was complete. */
  #cutBy: HttpError | undefined;
  /** The reading has ended with the response, and a reader that comes later is to be logged. */
  #isStopped = false;

  /**
   * Begins to read. It must be called in the callback of the request. Bytes that arrive before there is a
   * reader are kept.
   */
  constructor(deps: BodyDeps) {
    this.#deps = deps;
    const { exchange } = deps;
    if (!exchange.readBody((piece, isLast) => this.#take(piece, isLast), this)) this.stop();
    if (this.#end === undefined) exchange.onClosed(() => this.#settle(clientClosed()));
  }

  /**
   * Reads the whole body into memory that belongs to the caller.
   * @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, OVERLOADED, CLIENT_CLOSED
   */
  whole(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.await({ goesOn: true, arrived: () => resolve(this.bytes), failed: reject });
    });
  }

  /**
   * Reads the whole body into memory. Several readers may wait for it.
   * @param waiter called when that has ended, at once if it has
   */
  await(waiter: Waiter): void {
    const before = this.#waiter;
    this.#read('whole', before === undefined ? waiter : bothOf(before, waiter));
  }

  /** The whole body has arrived, and no reader can fail any more. */
  get isComplete(): boolean {
    return this.#end === 'complete';
  }

  /** Takes the whole body, which has arrived. @throws HttpError CLIENT_CLOSED when its request has ended */
  taken(): Uint8Array {
    if (this.#isReleased && !this.#isKept) throw clientClosed();
    this.#reader = 'whole';
    return this.bytes;
  }

  /**
   * What has arrived. The memory belongs to the readers of the whole body, who may come back to it later.
   */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /**
   * Yields the body as it arrives. It is read from the socket only as fast as it is consumed.
   * @throws HttpError BODY_TOO_LARGE, BODY_TIMEOUT, OVERLOADED, CLIENT_CLOSED
   */
  async *stream(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#isStreamOpen = true;
    try {
      for (;;) {
        if (this.#length > 0) {
          yield this.#takeArrived();
          this.#resume();
        } else if (this.#end === 'complete' && !this.#isCut) {
          return;
        } else {
          await new Promise<void>((resolve, reject) => {
            this.#read('stream', { goesOn: true, arrived: resolve, failed: reject });
          });
        }
      }
    } finally {
      this.#isStreamOpen = false;
      this.release();
    }
  }

  /** Call when the response is complete: ends the reading, unless a reader has begun. */
  stop(): void {
    if (this.#end !== undefined || this.#staysBehind()) return;
    this.#isStopped = this.#waiter === undefined;
    this.#settle(closed(this.#isWanted ? 'its connection was closed' : 'nothing was reading it'));
  }

  /** Call when the request has ended as it should: releases everything, unless a reader has begun. */
  leave(): void {
    if (this.#end === undefined && this.#staysBehind()) return;
    if (this.#end === 'complete' && this.#isStreamOpen && this.#length > 0) {
      // All of it is here, and its reader will come back for the rest.
      this.#isBehind = true;
      this.#watchSilence();
      return;
    }
    if (this.#end === undefined) this.stop();
    this.release();
  }

  #staysBehind(): boolean {
    if (this.#isBehind) return true;
    if (!this.#isWanted || this.#deps.exchange.deliversBehind !== true) return false;
    this.#isBehind = true;
    // A reader between two pieces does not wait, so nothing watches it and its client yet.
    if (this.#waiter === undefined) this.#watchSilence();
    return true;
  }

  /** A reader has begun that goes on when the response is complete. */
  get #isWanted(): boolean {
    return this.#isStreamOpen || this.#waiter?.goesOn === true;
  }

  get goesOn(): boolean {
    return this.#end === undefined && (this.#isBehind || this.#isWanted);
  }

  lost(): void {
    if (this.#end === undefined && this.#isBehind) this.#fail(closed('its connection was closed'));
  }

  /**
   * Ends the body: the request has ended, or no more of it is wanted. A reader that waits gets this error, by
   * default CLIENT_CLOSED. That is created only for a body that has not ended, because its stack trace costs
   * more than all else.
   */
  release(error?: HttpError): void {
    if (this.#end === undefined) this.#settle(error ?? clientClosed());
    this.#isReleased = true;
    if (!this.#isKept) {
      if (this.#length > 0) {
        this.#isCut = true;
        this.#cutBy = error;
      }
      this.#buffer = EMPTY;
      this.#length = 0;
    }
    this.#silence?.stop();
    this.#deps.claim?.release();
  }

  /** The whole body has arrived for its readers. */
  get #isKept(): boolean {
    return this.#reader === 'whole' && this.#end === 'complete';
  }

  #read(reader: 'whole' | 'stream', waiter: Waiter): void {
    if (this.#isStopped && this.#end instanceof HttpError) this.#deps.owner.bodyLost(this.#end);
    this.#isStopped = false;
    if (this.#isReleased && !this.#isKept && this.#end === 'complete') this.#end = this.#cutError();
    this.#reader = reader;
    this.#waiter = waiter;
    if (this.#end !== undefined) {
      this.#wake();
      return;
    }
    this.#resume();
    // Bytes that the core has read with the header are delivered when the callback of the request has
    // returned.
    this.#deps.turnEnd.add(() => this.#turnEnded());
  }

  /** The error for a reader that continues after bytes were released that it had not taken. */
  #cutError(): HttpError {
    if (this.#cutBy !== undefined) return this.#cutBy;
    if (!this.#isCut) return clientClosed();
    const error = closed('what had arrived was not read in time');
    this.#deps.owner.bodyLost(error);
    return error;
  }

  #turnEnded(): void {
    if (this.#end !== undefined || this.#waiter === undefined) return;
    if (this.#deps.exchange.isBodyComplete && !this.#isBehind) {
      // The exchange delivers the end of a chunked body later. A hook may end the reading before that.
      this.#deps.owner.detach();
      return;
    }
    if (this.#deps.claim?.wait() === false) {
      this.#fail(overloaded());
      return;
    }
    this.#watchSilence();
    if (this.#reader !== 'whole' || this.#isAwaited || this.#isBehind) return;
    this.#isAwaited = true;
    this.#deps.owner.bodyAwaited();
  }

  #watchSilence(): void {
    this.#silence ??= new IdleAlarm(this.#deps.wheel, BODY_IDLE_MS, () => this.#silent());
    this.#silence.start();
  }

  #silent(): void {
    if (!this.#isPaused && this.#end === undefined) {
      this.#fail(bodyTimeout());
      return;
    }
    // Behind the response, a stream reader has not taken what has arrived.
    const { exchange } = this.#deps;
    if (this.#end === 'complete' && this.#length === 0) return;
    this.#end = undefined;
    this.#fail(closed(`what had arrived was not read for ${BODY_IDLE_MS / 1000} seconds`));
    if (this.#isPaused) exchange.resume();
    this.release();
  }

  /** @param piece valid during this call only */
  #take(piece: Uint8Array, isLast: boolean): void {
    if (this.#end !== undefined) return;
    this.#received += piece.byteLength;
    const { limit } = this.#deps;
    if (this.#received > limit) this.#fail(bodyTooLarge(limit));
    else if (!this.#append(piece, isLast)) this.#fail(this.#refusal(this.#length + piece.byteLength));
    else if (isLast) this.#settle('complete');
    else this.#tookMore();
  }

  #tookMore(): void {
    this.#silence?.touch();
    if (this.#reader !== 'whole' && this.#length >= HIGH_WATER_BYTES) this.#pause();
    if (this.#reader === 'stream') this.#wake();
  }

  /** @returns false when the process, or this client, holds too many bytes of bodies */
  #append(piece: Uint8Array, isLast: boolean): boolean {
    const needed = this.#length + piece.byteLength;
    if (needed > this.#buffer.byteLength) {
      const size = isLast ? needed : this.#sizeFor(needed);
      if (this.#deps.claim?.grow(size - this.#buffer.byteLength) === false) return false;
      const larger = Buffer.allocUnsafe(size);
      if (this.#length > 0) larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = needed;
    return true;
  }

  #refusal(needed: number): HttpError {
    const most = this.#deps.claim?.most;
    return most === undefined || needed <= most ? overloaded() : overloaded(exceedsClientShare(most));
  }

  /** The buffer doubles, but never beyond the rest of the body or what one client may hold. */
  #sizeFor(needed: number): number {
    const { contentLength, limit, claim } = this.#deps;
    const rest = (contentLength >= 0 ? contentLength : limit) - this.#received + needed;
    const most = Math.min(rest, claim?.most ?? rest);
    return Math.max(needed, Math.min(most, Math.max(LEAST_BYTES, 2 * this.#buffer.byteLength)));
  }

  /** Passes the bytes that have arrived to the reader, which owns their memory from now on. */
  #takeArrived(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    this.#deps.claim?.releaseBytes();
    return bytes;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#deps.exchange.pause();
    // The peer cannot send now, so its silence means nothing. That of the reader counts behind the response,
    // where nothing else bounds it.
    if (this.#isBehind) this.#watchSilence();
    else this.#silence?.stop();
  }

  #resume(): void {
    if (!this.#isPaused || this.#end !== undefined) return;
    this.#isPaused = false;
    this.#silence?.touch();
    this.#deps.exchange.resume();
  }

  #fail(error: HttpError): void {
    if (this.#isBehind) this.#deps.owner.bodyLost(error);
    this.#settle(error);
  }

  /** Ends the reading. */
  #settle(end: 'complete' | HttpError): void {
    if (this.#end === undefined) {
      this.#end = end;
      this.#silence?.stop();
      this.#deps.claim?.arrived();
      const goesOn = end === 'complete' || end.code !== 'CLIENT_CLOSED';
      const refusal = this.#isAwaited ? this.#deps.owner.bodyArrived(goesOn) : undefined;
      if (end === 'complete' && refusal !== undefined) this.#end = refusal;
    }
    this.#wake();
    if (this.#isBehind) this.#endBehind();
  }

  /** The request is over, so nothing else releases what the body holds. */
  #endBehind(): void {
    if (this.#isStreamOpen && this.#end === 'complete' && this.#length > 0) this.#watchSilence();
    else this.release();
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    const hasMore = this.#reader === 'stream' && this.#length > 0;
    if (hasMore || this.#end === 'complete' || this.#end === undefined) waiter?.arrived();
    else waiter?.failed(this.#end);
  }
}
