// One request of a socket and its response. Only this class and its helpers use the response of the core
// (`res`). Any use of it after its end, an abort or a close throws or does worse, and these rules of the
// core have to be kept on every path:
// - Writes outside of the request callback are corked (uws-writes.ts), but an upgrade must not be. At the end
//   of a cork the core reads the state of the response. After an upgrade the WebSocket may lie at the same
//   address, so the core would read its bytes as that state, and might close the connection. So an upgrade is
//   written within the cork of another response (uws-anchor.ts).
// - The core ends the process when a request callback returns with an incomplete response and without an
//   abort handler. Even `end` may leave a response incomplete: when the responses to one packet exceed the
//   buffer of the core and the socket takes no more, the body is lost, and the response times out without a
//   report to JavaScript. So every request gets an abort handler at its beginning.
//
// connection-ending.ts decides what happens to the connection after the response. uws-pending-response.ts
// writes responses that are complete for the client only; lingering.ts bounds how long the rest of the body
// is read behind them.
import type { HttpError } from '../../errors.js';
import { addressText, bytesOf } from '../binary-address.js';
import { clientClosed } from '../body/body.js';
import { DISCARD_BYTES, type Ending, endingOf } from '../connection-ending.js';
import type { Acceptance, BodyReading, Exchange } from '../exchange.js';
import { CLOSE_AFTER_MS, END_AFTER_MS } from '../lingering.js';
import type { RequestHead } from '../request-head.js';
import { checkLength } from '../response/plain-bytes.js';
import { ServerRefusal } from '../server-refusal.js';
import { type BodyEvents, UwsBody } from './uws-body.js';
import type { CoreResponse } from './uws-core.js';
import type { ExchangeHost } from './uws-exchange-host.js';
import { fieldBlock, statusLine } from './uws-head.js';
import { UwsLarge } from './uws-large.js';
import {
  announcedLength,
  beyondCork,
  isEmpty,
  type SizedWrite,
  writePending,
  writePendingHead,
  writeSized,
  writeSizedPending,
} from './uws-pending-response.js';
import { UwsSized } from './uws-sized.js';
import { turn, UwsStream } from './uws-stream.js';
import type { UwsWebSocket } from './uws-websocket.js';
import type { Upgrade } from './uws-websockets.js';
import { type CorkedWriter, cut, undeferLater, writeCorked } from './uws-writes.js';

/** Nothing of a response has been written. */
const OPEN = 0;
/** The response is being written. */
const RESPONDING = 1;
/** The response is complete for this class. `res` is dead, unless the response is pending for the core. */
const DONE = 2;
/** The client has left before the response was complete. */
const GONE = 3;

/**
 * A larger response is never handed to the core whole: the core would buffer what the client does not take.
 */
const SMALL_BYTES = 4096;
/**
 * Every n-th small response is written by `tryEnd`, which reports whether the socket takes it. So a client
 * that pipelines requests and does not read is noticed before many responses are buffered for it. `tryEnd`
 * for every response would cost a few percent of CPU.
 */
const SAMPLE = 16;
const NOTHING = new Uint8Array(0);

export class UwsExchange implements Exchange, BodyEvents, CorkedWriter {
  readonly head: RequestHead;
  readonly host: ExchangeHost;
  readonly res: CoreResponse;
  isDeferred: boolean;
  pending: (() => void) | undefined;
  readonly #upgrade: Upgrade | undefined;
  readonly #isLast: boolean;
  #phase = OPEN;
  /** In the request callback writes are corked by the core, and no abort can happen. */
  #inCallback = true;
  /** A whole response waits for nothing but the end of the body, or of its packet. */
  #awaitsBody = false;
  /** The exchange is counted in `unfinished` of the host. */
  #isCounted = false;
  #ending: Ending = 'keep';
  #listeners: (() => void)[] | undefined;
  #onEnded: (() => void)[] | undefined;
  #onBodyRefused: ((error: HttpError) => void) | undefined;
  /**
   * The core is in the middle of a packet and must not read the rest, so the response cuts the connection.
   */
  #endsPacket: boolean;
  /** The bytes become text where that is read. */
  #address: readonly number[] | string | undefined;

  #body: UwsBody | undefined;
  #pieces: UwsStream | UwsSized | undefined;
  #large: UwsLarge | undefined;
  /** The response is complete for the client, but not for the core. */
  #isPending = false;
  /** The WebSocket that the connection has become in the request callback. */
  #webSocket: UwsWebSocket | undefined;

  constructor(
    host: ExchangeHost,
    res: CoreResponse,
    head: RequestHead,
    isLast: boolean,
    isDeferred: boolean,
    endsPacket: boolean,
    upgrade: Upgrade | undefined,
  ) {
    this.host = host;
    this.res = res;
    this.head = head;
    this.#isLast = isLast;
    this.isDeferred = isDeferred;
    this.#endsPacket = endsPacket;
    this.#upgrade = upgrade;
    res.onAborted(() => this.#gone());
    if (head.contentLength > 0 || head.isChunked) this.#body = new UwsBody(res, head.isChunked, this);
  }

  get accept(): ((acceptance: Acceptance) => void) | undefined {
    const upgrade = this.#upgrade;
    return upgrade && ((acceptance) => this.#accept(upgrade, acceptance));
  }

  get inCallback(): boolean {
    return this.#inCallback;
  }

  get closed(): boolean {
    return this.#phase >= DONE;
  }

  remoteAddress(): string {
    this.rememberAddress();
    const address = this.#address;
    if (address === undefined) return '';
    if (typeof address === 'string') return address;
    this.#address = addressText(address);
    return this.#address;
  }

  rememberAddress(): void {
    if (this.#address === undefined && this.#phase < DONE) {
      this.#address = bytesOf(this.res.getRemoteAddress());
    }
  }

  onClosed(listener: () => void): void {
    if (this.#phase === GONE) queueMicrotask(listener);
    else if (this.#phase !== DONE) this.#listeners = [...(this.#listeners ?? []), listener];
  }

  onEnded(listener: () => void): void {
    if (this.#phase >= DONE) listener();
    else this.#onEnded = [...(this.#onEnded ?? []), listener];
  }

  /**
   * Call when the request callback is over or about to be interrupted: a response is asynchronous from now
   * on.
   */
  leaveCallback(): void {
    if (this.#isPassing) this.host.passing = undefined;
    if (!this.#inCallback) return;
    this.#inCallback = false;
    if (this.#phase >= DONE) return;
    this.#isCounted = true;
    this.host.unfinished++;
    if (this.#isLongUnread) this.#body?.drop();
    if (this.isDeferred) undeferLater(this);
  }

  // --- whole responses

  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    if (this.#phase !== OPEN) return;
    this.#phase = RESPONDING;
    this.#awaitsBody = this.#deferBehindBody();
    if (this.#inCallback && this.#isBodiless(status) && this.host.bodiless.isTest()) {
      this.isDeferred = true;
      this.#awaitsBody = false;
    }
    if (this.#isCorked && !this.isDeferred) this.#write(status, headers, body, close);
    else {
      const length = body?.length;
      writeCorked(this, () => {
        if (typeof body !== 'string' && body !== null) checkLength(body, length!);
        this.#write(status, headers, body, close);
      });
    }
  }

  /** The core corks what is written now. */
  get #isCorked(): boolean {
    return this.#inCallback || this.#isPassing;
  }

  get #isPassing(): boolean {
    return this.#body !== undefined && this.host.passing === this.#body;
  }

  #isBodiless(status: number): boolean {
    return this.head.method === 'HEAD' || isEmpty(status);
  }

  #write(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    const res = this.res;
    this.#writeHead(status, headers, close, body?.length ?? 0);
    const isBodiless = this.#isBodiless(status);
    const length = isBodiless ? announcedLength(status, body) : undefined;
    if (this.#endsPacket) {
      if (!isBodiless && body !== null) writePending(res, beyondCork(body));
      this.destroy();
      return;
    }
    const isSmall = body === null || body.length <= SMALL_BYTES;
    if (this.#ending === 'announce' && (isBodiless || isSmall)) {
      if (isBodiless) writePendingHead(res, length);
      else writePending(res, body ?? '');
      this.#complete();
      return;
    }
    if (!isBodiless && isSmall && !this.#isSample()) {
      // Half a surrogate pair has no form in UTF-8, and the core would write invalid bytes for it.
      const text = typeof body === 'string' ? body.toWellFormed() : (body ?? '');
      if (this.#ending === 'cut') this.host.serviceCode.holdDuring(() => void res.end(text, true));
      else res.end(text);
      this.#finish();
      return;
    }
    if (this.#ending !== 'keep') res.writeHeader('connection', 'close');
    this.#beforeLast();
    if (isBodiless) {
      this.#endWithoutBody(length);
    } else {
      this.#sendLarge(typeof body === 'string' ? Buffer.from(body) : (body ?? NOTHING));
    }
  }

  /** @param length of the body that a GET would get */
  #endWithoutBody(length: number | undefined): void {
    if (length !== undefined) this.res.writeHeader('Content-Length', String(length));
    this.res.endWithoutBody();
    this.#finish();
  }

  /** A response that closes its connection is no sample, because `tryEnd` cannot close. */
  #isSample(): boolean {
    return this.#ending === 'keep' && ++this.host.smallResponses % SAMPLE === 0;
  }

  #sendLarge(body: Uint8Array): void {
    const write = this.#sizedWrite;
    const [, isComplete] = write(this.res, body, body.length);
    if (isComplete) {
      this.#complete();
      return;
    }
    const { wheel, streamIdleMs } = this.host;
    this.#large = new UwsLarge(this.res, body, write, wheel, streamIdleMs, {
      beforeLast: () => this.#beforeLast(),
      complete: () => this.#complete(),
      stalled: () => this.#stalled(),
      failed: (error) => {
        this.host.failed(error);
        this.destroy();
      },
    });
    this.#large.start();
  }

  get #sizedWrite(): SizedWrite {
    return this.#ending === 'announce' ? writeSizedPending : writeSized;
  }

  // --- WebSockets

  #accept(upgrade: Upgrade, acceptance: Acceptance): void {
    if (this.#phase !== OPEN) return;
    this.#finish();
    if (this.#inCallback) {
      this.#webSocket = upgrade(this.res, acceptance);
      return;
    }
    let webSocket: UwsWebSocket | undefined;
    this.host.uncorked(this.res, () => {
      webSocket = upgrade(this.res, acceptance);
    });
    webSocket?.opened();
  }

  /**
   * Runs the `open` callback of a WebSocket that was accepted in the request callback. Call it when the
   * request callback is over, so that an `open` that never returns does not count as a stall of the request.
   */
  reportOpened(): void {
    this.#webSocket?.opened();
  }

  // --- responses in pieces

  begin(status: number, headers: readonly string[], close: boolean, length?: number): void {
    if (this.#phase !== OPEN) return;
    this.#phase = RESPONDING;
    const pieces = this.head.method === 'HEAD' ? undefined : this.#piecesOf(length);
    this.#pieces = pieces;
    this.#deferBehindBody();
    const start = (): void => {
      this.#writeHead(status, headers, close, length ?? Number.POSITIVE_INFINITY);
      if (pieces === undefined && this.#ending === 'announce') {
        writePendingHead(this.res, length);
        this.#complete();
        return;
      }
      if (this.#ending !== 'keep') this.res.writeHeader('connection', 'close');
      if (pieces === undefined) {
        this.#stopReading();
        this.#endWithoutBody(length);
      } else if (pieces instanceof UwsStream) {
        pieces.start();
        this.#body?.watch();
      } else pieces.start(this.#sizedWrite);
    };
    if (this.#inCallback && !this.isDeferred) start();
    else writeCorked(this, start);
  }

  #piecesOf(length: number | undefined): UwsStream | UwsSized {
    const { wheel, streamIdleMs } = this.host;
    if (length === undefined) {
      return new UwsStream(this.res, this.#body, wheel, streamIdleMs, () => this.#stalled());
    }
    return new UwsSized(this.res, length, wheel, streamIdleMs, {
      beforeLast: () => this.#beforeLast(),
      complete: () => this.#complete(),
      stalled: () => this.#stalled(),
    });
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const { length } = bytes;
    while (this.pending !== undefined) await turn();
    if (this.#phase !== RESPONDING || this.#pieces === undefined) throw clientClosed();
    await this.#pieces.write(bytes, length);
  }

  end(): void {
    if (this.#phase !== RESPONDING) return;
    if (this.#pieces instanceof UwsSized) {
      this.destroy();
      return;
    }
    this.#deferBehindBody();
    writeCorked(this, () => {
      if (this.#ending === 'announce') this.#body?.drop();
      if (this.#body?.isDropping === true) this.#endBehindBody(this.#body);
      else this.#endStream();
    });
  }

  /** Ends a stream when its client stops sending: after the last chunk no more can be read. */
  #endBehindBody(body: UwsBody): void {
    this.#listeners = undefined;
    body.linger(END_AFTER_MS, () => writeCorked(this, () => this.#endStream()));
  }

  #endStream(): void {
    this.#stopReading();
    this.res.end();
    this.#finish();
  }

  // --- the body

  get isBodyPassing(): boolean {
    return this.#body !== undefined && this.#inCallback && this.#mayRead;
  }

  get isBodyComplete(): boolean {
    return this.#body === undefined || this.#body.isComplete;
  }

  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void, reading?: BodyReading): boolean {
    if (this.#body !== undefined && !this.isBodyPassing) return false;
    if (this.#body === undefined) onPiece(NOTHING, true);
    else this.#body.read(onPiece, reading);
    return true;
  }

  get deliversBehind(): boolean {
    return this.#phase < DONE || this.#isPending;
  }

  onBodyRefused(listener: (error: HttpError) => void): void {
    this.#onBodyRefused = listener;
  }

  /** Sends the response that waited for this: the core would close the connection at the next request. */
  arrived(): void {
    if (!this.#awaitsBody || this.#isLast || this.#endsPacket || this.#phase !== RESPONDING) return;
    const { pending } = this;
    if (pending === undefined) return;
    this.pending = undefined;
    this.isDeferred = false;
    try {
      pending();
    } catch (error) {
      this.failed(error);
    }
  }

  corked(): void {
    if (this.#pieces instanceof UwsStream) this.#pieces.corked();
  }

  /** Called with what the reader of the body has thrown. */
  failed(error: unknown): void {
    this.host.failed(error);
    this.destroy();
  }

  /**
   * Refuses a body of thousands of tiny pieces. The refusal is sent at once, because the core is in the
   * middle of a packet whose rest is not worth reading.
   */
  flooded(): void {
    this.#endsPacket = true;
    this.isDeferred = false;
    const detail = 'The body came in thousands of pieces of a few bytes each.';
    this.#onBodyRefused?.(new ServerRefusal('MALFORMED_REQUEST', detail));
    this.destroy();
  }

  /** Stops reading. That would hold up a response of known length, so such a response is given up. */
  beyond(): void {
    const isSized = this.#large !== undefined || this.#pieces instanceof UwsSized;
    if (this.#phase === RESPONDING && isSized) this.destroy();
    else this.pause();
  }

  /** Closes the connection, upon which the core reports that the client has left. */
  left(): void {
    cut(this);
  }

  get hasResponse(): boolean {
    return this.#phase !== OPEN;
  }

  /**
   * The body may be read until a response is started, and also during a response of unknown length, which a
   * handler may make of the body while it arrives.
   */
  get #mayRead(): boolean {
    return this.#phase === OPEN || (this.#phase === RESPONDING && this.#pieces instanceof UwsStream);
  }

  pause(): void {
    this.#body?.pause();
  }

  resume(): void {
    this.#body?.resume();
  }

  // --- ends

  destroy(): void {
    if (this.#phase >= DONE) {
      this.#release();
      return;
    }
    this.#phase = DONE;
    try {
      cut(this);
    } catch (error) {
      // The core regards the response as complete, so there is nothing to cut. How much the client has
      // received is unknown.
      this.host.failed(error);
    }
    this.#release();
  }

  #writeHead(status: number, headers: readonly string[], close: boolean, bytes: number): void {
    const res = this.res;
    this.#ending = this.#endsPacket
      ? 'cut'
      : endingOf(this.host, this.#isLast, this.head.contentLength, this.#body, status, close, bytes);
    const body = this.#body;
    if (body !== undefined && !(this.#mayRead && body.isAttached)) {
      // A body that is read behind its response counts for its client on.
      if (body.isUnderWay) this.rememberAddress();
      if (this.#ending === 'announce') body.drop();
      else body.discard();
    }
    if (status !== 200) res.writeStatus(statusLine(status));
    if (headers.length > 0) res.writeHeader(headers[0]!, fieldBlock(headers));
  }

  /**
   * Call before every write of a known length that may be the last. A pending response does not end for the
   * core, so reading goes on.
   */
  #beforeLast(): void {
    if (this.#ending !== 'announce') this.#stopReading();
  }

  /**
   * Pauses reading if nothing that follows may be executed, or if the end of the body would stop the idle
   * time-out of the core. Call it before every write that may be the last, because the core reads again after
   * a write that the socket did not take.
   */
  #stopReading(): void {
    if (this.#isLast || this.#ending === 'announce' || this.#body?.isUnderWay === true) this.res.pause();
  }

  /** No handler reads the body, so its end would pass unnoticed, and the connection ends behind it. */
  get #isLongUnread(): boolean {
    const body = this.#body;
    if (body === undefined || body.isAttached) return false;
    return this.#isLast || this.head.contentLength > DISCARD_BYTES;
  }

  #stalled(): void {
    if (this.#phase === RESPONDING) cut(this);
  }

  /**
   * Defers the response while the core may be in the middle of a packet with the rest of the body. A complete
   * response starts the idle time-out of the core, and the end of the body would stop it again. And after the
   * last request of a connection the core would execute what follows in the packet.
   * @returns whether it is deferred for that reason alone
   */
  #deferBehindBody(): boolean {
    const body = this.#body;
    if (this.isDeferred || this.#endsPacket || body === undefined) return false;
    // A short body that no handler reads needs no delay: the connection stays, and the core drops the body.
    const isShort = this.head.contentLength <= DISCARD_BYTES;
    if (isShort && !body.isAttached && !(this.#inCallback && this.#mayRead)) return false;
    if (body.isComplete && !this.#isLast) return false;
    this.isDeferred = true;
    if (!this.#inCallback) undeferLater(this);
    return true;
  }

  #finish(): void {
    this.#phase = DONE;
    this.#release();
  }

  /** The whole response is written. While the body is under way it is pending for the core. */
  #complete(): void {
    if (this.#ending === 'announce') {
      this.#isPending = true;
      this.#body?.linger(CLOSE_AFTER_MS, () => cut(this));
    }
    this.#finish();
  }

  /**
   * Releases everything. May be called again: the first call may have failed halfway, when a handler had used
   * up the stack.
   */
  #release(): void {
    this.#listeners = undefined;
    if (!this.#isPending) this.#body?.finish();
    this.#large?.finish();
    this.#pieces?.finish();
    if (this.#isCounted) this.host.unfinished--;
    this.#isCounted = false;
    while (this.#onEnded !== undefined && this.#onEnded.length > 0) {
      this.#onEnded[0]!();
      this.#onEnded.shift();
    }
  }

  #gone(): void {
    // Code that ends the connection itself goes on with its stores.
    if (!this.host.serviceCode.isHeld) this.host.stores.leave();
    this.#body?.finish();
    if (this.#phase >= DONE) return;
    const listeners = this.#listeners ?? [];
    this.#finish();
    this.#phase = GONE;
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.host.failed(error);
      }
    }
  }
}
