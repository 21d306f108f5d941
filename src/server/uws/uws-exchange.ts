// One request of a socket. Owns `res`: nobody else may hold it, because any use after the answer, an abort or
// a close throws or worse, and because each of the core's rules below has to be kept on every path:
// - writes outside the request callback are corked; but never an upgrade: behind its cork the core looks at
//   the state of the response, and where the WebSocket has come to lie at the same address it takes that
//   one's memory for it, and closes the connection if the bits happen to say so. It is written within the
//   cork of another response (uws-anchor.ts);
// - the core ends the process when a request callback returns with a response that is not complete and
//   without an abort
//   handler. `end` completes a response, except where the responses of one packet outgrow the core's buffer
// while the
//   socket takes no more: then the body is lost, the response stays incomplete and times out, and JavaScript
// is not
//   told. So every request has an abort handler from its beginning;
// - `end(body, close)` closes, but after `write` it would put a header into the body, and neither
//   `endWithoutBody` nor `tryEnd` can close: there the answer says `connection: close`, and because nothing
//   that follows may be executed reading stops for good, until the core times the connection out;
// - a small answer that overtakes a body and says `connection: close` is whole for the client and stays
//   pending for the core: it reads and throws away the rest of the body, because the client may send all of
//   that before it reads, and drops the connection where another request begins;
// - the clock that does so is the core's, and only an answer that it takes for whole starts it: one without a
//   body whose length the core is told does not (so we write that field ourselves), and the end of a body
//   that comes behind its answer stops it (so such a body is not read). A connection that nothing ends would
//   stay for ever;
// - a request whose framing is doubtful is answered one tick later: while its answer is pending, the core
//   drops the connection instead of executing what follows in the same packet. So is a request that says
//   `Connection: close`: what follows it must not be executed (RFC 9112 section 9.6), and a client that sends
//   more all the same breaks that rule and loses its response.
import type { HttpError } from '../../errors.js';
import { clientClosed } from '../body/body.js';
import type { Acceptance, Exchange, IncomingHead } from '../exchange.js';
import { Refusal } from '../refusal.js';
import { httpDate } from '../response/http-date.js';
import { checkLength } from '../response/plain-bytes.js';
import type { ServiceCode } from '../service-code.js';
import type { Alarm, TimerWheel } from '../timer-wheel.js';
import { addressText } from './binary-address.js';
import { UwsBody } from './uws-body.js';
import type { CoreResponse } from './uws-core.js';
import { fieldBlock, statusLine } from './uws-head.js';
import { UwsLarge } from './uws-large.js';
import { UwsSized } from './uws-sized.js';
import { turn, UwsStream } from './uws-stream.js';
import type { UwsWebSocket } from './uws-websocket.js';
import type { Upgrade } from './uws-websockets.js';

/** What the exchanges of one server share. */
export interface ExchangeHost {
  readonly wheel: TimerWheel;
  readonly serviceCode: ServiceCode;
  readonly streamIdleMs: number;
  /** Exchanges that outlived their request callback and are not complete. */
  unfinished: number;
  /** Small answers written so far, and those without a body, for the samples below. */
  answers: number;
  bodiless: number;
  failed(error: unknown): void;
  /** As of `ConnectionGate`. */
  givesUp(): boolean;
  /** Writes to a response outside of its callback, and not corked. */
  uncorked(response: CoreResponse, write: () => void): void;
}

export interface Framing {
  /** Bytes, -1 when not announced. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** Answer one tick later. */
  readonly isDeferred: boolean;
  /** Nothing behind this request may be executed. */
  readonly isLast: boolean;
  /** The core answers this request itself as soon as it has read it to its end. */
  readonly hasTrailers: boolean;
}

const OPEN = 0;
const ANSWERING = 1;
const DONE = 2;
const GONE = 3;

/** After the answer the connection: stays, is left to the client with a word, or is cut. */
type Ending = 'keep' | 'announce' | 'cut';

/** Larger answers are never handed to the core whole: it would buffer what the client does not take. */
const SMALL_BYTES = 4096;
/**
 * Small ones are, but for every n-th: a client that pipelines and does not read is found out by it, long
 * before what it does not read adds up. `tryEnd` on every answer would cost a few percent of CPU.
 */
const SAMPLE = 16;
/**
 * Of an answer without a body the core does not say whether the client takes it. Every n-th waits for the
 * next turn of the loop: what is pipelined behind it is cut off.
 */
const BODILESS_SAMPLE = 64;
/** An unread body up to this size is taken off the wire behind an answer at once. */
const DISCARD_BYTES = 64 * 1024;
/**
 * Connections of a worker that has too many are closed behind responses up to this size: those that take
 * their time would still count here, and others would be closed in their place.
 */
const GIVE_UP_BYTES = 64 * 1024;

/**
 * A client that was told of the end of its connection has so long to read the response and to stop sending.
 */
const LINGER_MS = 10_000;

const NOTHING = new Uint8Array(0);

const isEmpty = (status: number): boolean => status === 204 || status === 304;

/**
 * The core gathers 16 KiB of responses before it writes, and cuts a connection that it closes without writing
 * them. What is larger it writes at once; a JSON document may end in blanks (RFC 8259 section 2).
 */
const CORK_BYTES = 16 * 1024;
function beyondCork(body: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(body), Buffer.alloc(CORK_BYTES, ' ')]);
}

/** Of the body that a GET would get, as far as it may be told. */
function sizeOf(status: number, body: string | Uint8Array | null): number | undefined {
  return body === null || isEmpty(status) ? undefined : Buffer.byteLength(body);
}

export class UwsExchange implements Exchange, IncomingHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly string[];
  readonly inProcess = false;
  readonly accept: ((acceptance: Acceptance) => void) | undefined;
  readonly #host: ExchangeHost;
  readonly #res: CoreResponse;
  readonly #framing: Framing;
  #phase = OPEN;
  /** Counts in `unfinished` of the host. */
  #isCounted = false;
  /** In the request callback: corked, and no abort can happen. */
  #inCallback = true;
  #deferred: boolean;
  /** The answer, while it is deferred. */
  #pending: (() => void) | undefined;
  #ending: Ending = 'keep';
  #listeners: (() => void)[] | undefined;
  #onEnded: (() => void) | undefined;
  #onBodyRefused: ((error: HttpError) => void) | undefined;
  /** The core is in the middle of a packet that it must not read on. */
  #endsPacket: boolean;
  #address: string | undefined;

  #body: UwsBody | undefined;
  #pieces: UwsStream | UwsSized | undefined;
  #large: UwsLarge | undefined;
  #lingering: Alarm | undefined;
  /** What the connection has become in the request callback. */
  #webSocket: UwsWebSocket | undefined;

  constructor(
    host: ExchangeHost,
    res: CoreResponse,
    method: string,
    path: string,
    query: string,
    headers: readonly string[],
    framing: Framing,
    upgrade: Upgrade | undefined,
  ) {
    this.#host = host;
    this.#res = res;
    this.method = method;
    this.path = path;
    this.query = query;
    this.headers = headers;
    this.#framing = framing;
    this.#endsPacket = framing.hasTrailers;
    this.#deferred = framing.isDeferred && !framing.hasTrailers;
    this.accept = upgrade && ((acceptance) => this.#accept(upgrade, acceptance));
    res.onAborted(() => this.#gone());
    if (framing.contentLength > 0 || framing.isChunked) {
      this.#body = new UwsBody(res, framing.isChunked, {
        failed: (error) => {
          host.failed(error);
          this.destroy();
        },
        flooded: () => this.#refuseBody(),
        isAnswered: () => this.#phase !== OPEN,
      });
    }
  }

  get head(): IncomingHead {
    return this;
  }

  get closed(): boolean {
    return this.#phase >= DONE;
  }

  remoteAddress(): string {
    if (this.#address === undefined && this.#phase < DONE) {
      this.#address = addressText(new Uint8Array(this.#res.getRemoteAddress()));
    }
    return this.#address ?? '';
  }

  onClosed(listener: () => void): void {
    if (this.#phase === GONE) queueMicrotask(listener);
    else if (this.#phase !== DONE) this.#listeners = [...(this.#listeners ?? []), listener];
  }

  onEnded(listener: () => void): void {
    if (this.#phase >= DONE) listener();
    else this.#onEnded = listener;
  }

  /**
   * The request callback is over, or is about to be broken off: what is not answered by now is asynchronous.
   */
  leaveCallback(): void {
    if (!this.#inCallback) return;
    this.#inCallback = false;
    if (this.#phase >= DONE) return;
    this.#isCounted = true;
    this.#host.unfinished++;
    // Microtasks still run before the core parses on: only the next turn of the loop is late enough.
    if (this.#deferred) setImmediate(() => this.#undefer());
  }

  // --- the answer at once

  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    if (this.#phase !== OPEN) return;
    this.#phase = ANSWERING;
    this.#letBodyCome();
    if (this.#isBodiless(status) && ++this.#host.bodiless % BODILESS_SAMPLE === 0 && this.#inCallback)
      this.#deferred = true;
    if (this.#inCallback && !this.#deferred) this.#write(status, headers, body, close);
    else {
      const length = body?.length;
      this.#corked(() => {
        if (typeof body !== 'string' && body !== null) checkLength(body, length!);
        this.#write(status, headers, body, close);
      });
    }
  }

  #isBodiless(status: number): boolean {
    return this.method === 'HEAD' || isEmpty(status);
  }

  #write(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    const res = this.#res;
    this.#writeHead(status, headers, close, body?.length ?? 0);
    const isBodiless = this.#isBodiless(status);
    if (this.#endsPacket) {
      if (!isBodiless && body !== null) this.#writePending(status, false, beyondCork(body));
      this.destroy();
      return;
    }
    const isSmall = body === null || body.length <= SMALL_BYTES;
    if (this.#ending === 'announce' && (isBodiless || isSmall)) {
      this.#writePending(status, isBodiless, body);
      this.#linger();
      return;
    }
    if (!isBodiless && isSmall && !this.#isSample()) {
      // Half a surrogate pair has no form in UTF-8, and the core would write one all the same.
      const text = typeof body === 'string' ? body.toWellFormed() : (body ?? '');
      if (this.#ending === 'cut') this.#host.serviceCode.holdDuring(() => void res.end(text, true));
      else res.end(text);
      this.#finish();
      return;
    }
    if (this.#ending !== 'keep') res.writeHeader('connection', 'close');
    this.#stopReading();
    if (isBodiless) {
      this.#endWithoutBody(sizeOf(status, body));
    } else {
      this.#sendLarge(typeof body === 'string' ? Buffer.from(body) : (body ?? NOTHING));
    }
  }

  /** @param length of the body that a GET would get */
  #endWithoutBody(length: number | undefined): void {
    if (length !== undefined) this.#res.writeHeader('Content-Length', String(length));
    this.#res.endWithoutBody();
    this.#finish();
  }

  /**
   * A response that is whole for the client and pending for the core: it is the value of the last field. The
   * core puts a line end behind that, which a client skips.
   */
  #writePending(status: number, isBodiless: boolean, body: string | Uint8Array | null): void {
    const res = this.#res;
    const size = isBodiless ? sizeOf(status, body) : Buffer.byteLength(body ?? '');
    res.writeHeader('Date', httpDate(Date.now()));
    if (size !== undefined) res.writeHeader('Content-Length', String(size));
    const rest = isBodiless || size === 0 ? [] : [Buffer.from('\r\n'), Buffer.from(body ?? NOTHING)];
    res.writeHeader('Connection', Buffer.concat([Buffer.from('close\r\n'), ...rest]));
  }

  #linger(): void {
    this.#lingering = this.#host.wheel.after(LINGER_MS, () => this.#cut());
    this.#finish();
  }

  /** Never one that closes: the core would have to be left to do that. */
  #isSample(): boolean {
    return this.#ending === 'keep' && ++this.#host.answers % SAMPLE === 0;
  }

  #sendLarge(body: Uint8Array): void {
    const [, isComplete] = this.#res.tryEnd(body, body.length);
    if (isComplete) {
      this.#finish();
      return;
    }
    const { wheel, streamIdleMs } = this.#host;
    this.#large = new UwsLarge(this.#res, body, wheel, streamIdleMs, {
      beforeLast: () => this.#stopReading(),
      complete: () => this.#finish(),
      stalled: () => this.#stalled(),
      failed: (error) => {
        this.#host.failed(error);
        this.destroy();
      },
    });
    this.#large.start();
  }

  // --- the answer that is none: a WebSocket

  #accept(upgrade: Upgrade, acceptance: Acceptance): void {
    if (this.#phase !== OPEN) return;
    this.#finish();
    if (this.#inCallback) {
      this.#webSocket = upgrade(this.#res, acceptance);
      return;
    }
    let webSocket: UwsWebSocket | undefined;
    this.#host.uncorked(this.#res, () => {
      webSocket = upgrade(this.#res, acceptance);
    });
    webSocket?.opened();
  }

  /** Behind the request callback: a callback of the socket that does not end is none of the request's. */
  reportOpened(): void {
    this.#webSocket?.opened();
  }

  // --- the answer in pieces

  begin(status: number, headers: readonly string[], close: boolean, length?: number): void {
    if (this.#phase !== OPEN) return;
    this.#phase = ANSWERING;
    const pieces = this.method === 'HEAD' ? undefined : this.#piecesOf(length);
    this.#pieces = pieces;
    this.#letBodyCome();
    const start = (): void => {
      this.#writeHead(status, headers, close, length ?? Number.POSITIVE_INFINITY);
      if (this.#ending !== 'keep') this.#res.writeHeader('connection', 'close');
      if (pieces !== undefined) {
        pieces.start();
        if (pieces instanceof UwsStream) this.#body?.watch();
        return;
      }
      this.#stopReading();
      this.#endWithoutBody(length);
    };
    if (this.#inCallback && !this.#deferred) start();
    else this.#corked(start);
  }

  #piecesOf(length: number | undefined): UwsStream | UwsSized {
    const { wheel, streamIdleMs } = this.#host;
    if (length === undefined) {
      return new UwsStream(this.#res, this.#body, wheel, streamIdleMs, () => this.#stalled());
    }
    return new UwsSized(this.#res, length, wheel, streamIdleMs, {
      beforeLast: () => this.#stopReading(),
      complete: () => this.#finish(),
      stalled: () => this.#stalled(),
    });
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const { length } = bytes;
    while (this.#pending !== undefined) await turn();
    if (this.#phase !== ANSWERING || this.#pieces === undefined) throw clientClosed();
    await this.#pieces.write(bytes, length);
  }

  end(): void {
    if (this.#phase !== ANSWERING) return;
    if (this.#pieces instanceof UwsSized) {
      this.destroy();
      return;
    }
    this.#letBodyCome();
    this.#corked(() => {
      this.#body?.discard();
      this.#stopReading();
      this.#res.end();
      this.#finish();
    });
  }

  // --- the body

  get isBodyPassing(): boolean {
    return this.#body !== undefined && this.#inCallback && this.#mayRead;
  }

  get isBodyComplete(): boolean {
    return this.#body === undefined || this.#body.isComplete;
  }

  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void): boolean {
    if (this.#body !== undefined && !this.isBodyPassing) return false;
    if (this.#body === undefined) onPiece(NOTHING, true);
    else this.#body.read(onPiece);
    return true;
  }

  onBodyRefused(listener: (error: HttpError) => void): void {
    this.#onBodyRefused = listener;
  }

  /**
   * In the middle of a packet, so the response has to leave now, and the rest of the packet is not worth
   * reading.
   */
  #refuseBody(): void {
    this.#endsPacket = true;
    this.#deferred = false;
    const detail = 'The body came in thousands of pieces of a few bytes each.';
    this.#onBodyRefused?.(new Refusal('MALFORMED_REQUEST', detail));
    this.destroy();
  }

  /** An answer of unknown length may be made of the body, while it comes. */
  get #mayRead(): boolean {
    return this.#phase === OPEN || (this.#phase === ANSWERING && this.#pieces instanceof UwsStream);
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
      this.#cut();
    } catch (error) {
      // The core takes the response for whole: there is nothing to be cut, and what its client got is not
      // known.
      this.#host.failed(error);
    }
    this.#release();
  }

  #writeHead(status: number, headers: readonly string[], close: boolean, bytes: number): void {
    const res = this.#res;
    this.#ending = this.#endingOf(status, close, bytes);
    // Behind the answer the core goes on reading, be it to throw away what is left of the body.
    if (this.#body !== undefined && !this.#mayRead) this.#body.discard();
    if (status !== 200) res.writeStatus(statusLine(status));
    if (headers.length > 0) res.writeHeader(headers[0]!, fieldBlock(headers));
  }

  #endingOf(status: number, close: boolean, bytes: number): Ending {
    if (this.#framing.isLast || this.#endsPacket) return 'cut';
    const isUnread = this.#body !== undefined && !this.#body.isComplete;
    // A client that still sends would lose the answer to the reset of a cut connection: it is told, and the
    // core ends the connection within seconds. 408 says that nothing is being sent.
    if (isUnread && status !== 408) {
      const isShort = this.#framing.contentLength <= DISCARD_BYTES && this.#body?.isAttached === false;
      return close || !isShort ? 'announce' : 'keep';
    }
    return close || isUnread || (bytes <= GIVE_UP_BYTES && this.#host.givesUp()) ? 'cut' : 'keep';
  }

  #stopReading(): void {
    // Before every write that may be the last: one that is held up makes the core read again.
    if (this.#framing.isLast || this.#ending === 'announce' || this.#body?.isUnderWay === true)
      this.#res.pause();
  }

  #stalled(): void {
    if (this.#phase === ANSWERING) this.#cut();
  }

  #cut(): void {
    this.#host.serviceCode.holdDuring(() => void this.#res.close());
  }

  /**
   * The core may be in the middle of a packet: what it still hands over of the body would stop the clock that
   * an answer starts, and what follows the last request of a connection would be executed.
   */
  #letBodyCome(): void {
    const body = this.#body;
    if (this.#deferred || this.#endsPacket || body === undefined) return;
    // An unread body is in the way of what follows only while it is short.
    const isShort = this.#framing.contentLength <= DISCARD_BYTES;
    if (isShort && !body.isAttached && !(this.#inCallback && this.#mayRead)) return;
    if (body.isComplete && !this.#framing.isLast) return;
    this.#deferred = true;
    if (!this.#inCallback) setImmediate(() => this.#undefer());
  }

  /** In the core's cork; while deferred, later. */
  #corked(write: () => void): void {
    if (this.#deferred) {
      const before = this.#pending;
      this.#pending = () => {
        before?.();
        write();
      };
      return;
    }
    this.#cork(write);
  }

  #undefer(): void {
    this.#deferred = false;
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || this.#phase >= DONE) return;
    try {
      this.#cork(pending);
    } catch (error) {
      this.#host.failed(error);
      this.destroy();
    }
  }

  #cork(write: () => void): void {
    this.#host.serviceCode.holdDuring(() => void this.#res.cork(write));
  }

  #finish(): void {
    this.#phase = DONE;
    this.#release();
  }

  /** May be called again: a handler may have left no stack for the first attempt. */
  #release(): void {
    this.#listeners = undefined;
    this.#body?.finish();
    this.#large?.finish();
    this.#pieces?.finish();
    if (this.#isCounted) this.#host.unfinished--;
    this.#isCounted = false;
    this.#onEnded?.();
    this.#onEnded = undefined;
  }

  #gone(): void {
    this.#lingering?.cancel();
    if (this.#phase >= DONE) return;
    const listeners = this.#listeners ?? [];
    this.#finish();
    this.#phase = GONE;
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        this.#host.failed(error);
      }
    }
  }
}
