// One request of a socket. Owns `res`: nobody else may hold it, because any use after the answer, an abort or
// a close throws or worse, and because each of the core's rules below has to be kept on every path:
// - writes outside the request callback are corked;
// - `end(body, close)` closes, but after `write` it would put a header into the body, and neither
//   `endWithoutBody` nor `tryEnd` can close: there the answer says `connection: close`, and where nothing that
//   follows may be executed reading stops for good, until the core times the connection out;
// - a request whose framing is doubtful is answered one tick later: while its answer is pending, the core
//   drops the connection instead of executing what follows in the same packet.
import { STATUS_CODES } from 'node:http';
import { addressText } from './address.js';
import { clientClosed } from './body.js';
import type { Exchange, IncomingHead } from './exchange.js';
import type { Alarm, TimerWheel } from './timer-wheel.js';
import type { CoreResponse } from './uws-core.js';

/** What the exchanges of one server share. */
export interface ExchangeHost {
  readonly wheel: TimerWheel;
  readonly streamIdleMs: number;
  /** Exchanges that outlived their request callback and are not complete. */
  unfinished: number;
  /** Small answers written so far, for the sample below. */
  answers: number;
  failed(error: unknown): void;
}

export interface Framing {
  /** Bytes, -1 when not announced. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** Answer one tick later. */
  readonly isDeferred: boolean;
  /** Nothing behind this request may be executed. */
  readonly isLast: boolean;
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
/** An unread body up to this size is taken off the wire behind an early answer. */
const DISCARD_BYTES = 64 * 1024;
/** One write of a stream; and one while the core still holds bytes back, which it then takes regardless. */
const PIECE_BYTES = 64 * 1024;
const PROBE_BYTES = 1024;
/** A source that is never short of bytes lets others run after this much. */
const TURN_BYTES = 256 * 1024;

const NOTHING = new Uint8Array(0);
const STATUS_LINES = new Map(
  Object.entries(STATUS_CODES).map(([code, reason]) => [Number(code), `${code} ${reason}`]),
);
const statusLine = (status: number): string => STATUS_LINES.get(status) ?? `${status} Unknown`;

export class UwsExchange implements Exchange, IncomingHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly string[];
  readonly inProcess = false;
  readonly #host: ExchangeHost;
  readonly #res: CoreResponse;
  readonly #framing: Framing;
  #phase = OPEN;
  /** In the request callback: corked, and no abort can happen. */
  #inCallback = true;
  #deferred: boolean;
  /** The answer, while it is deferred. */
  #pending: (() => void) | undefined;
  #ending: Ending = 'keep';
  #listeners: (() => void)[] | undefined;
  #address: string | undefined;

  #onChunk: ((chunk: Uint8Array, last: boolean) => void) | undefined;
  #attached = false;
  /** What arrived before anybody wanted it. */
  #held: Uint8Array[] | undefined;
  #bodyDone = false;
  #wantsPause = false;
  #paused = false;

  #blocked = false;
  #unyielded = 0;
  #wake: (() => void) | undefined;
  #progressAt = 0;
  #alarm: Alarm | undefined;

  constructor(
    host: ExchangeHost,
    res: CoreResponse,
    method: string,
    path: string,
    query: string,
    headers: readonly string[],
    framing: Framing,
  ) {
    this.#host = host;
    this.#res = res;
    this.method = method;
    this.path = path;
    this.query = query;
    this.headers = headers;
    this.#framing = framing;
    this.#deferred = framing.isDeferred;
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

  /** The request callback returns: what is not answered by now is asynchronous. */
  leaveCallback(): void {
    this.#inCallback = false;
    if (this.#phase >= DONE) return;
    this.#host.unfinished++;
    this.#res.onAborted(() => this.#gone());
    // Microtasks still run before the core parses on: only the next turn of the loop is late enough.
    if (this.#deferred) setImmediate(() => this.#undefer());
    if (this.#hasBody && !this.#attached && this.#phase === OPEN) {
      this.#held = [];
      this.#attach();
      this.pause();
    }
  }

  // --- the answer at once

  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    if (this.#phase !== OPEN) return;
    this.#phase = ANSWERING;
    if (this.#inCallback && !this.#deferred) this.#write(status, headers, body, close);
    else this.#corked(() => this.#write(status, headers, body, close));
  }

  #write(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    const res = this.#res;
    this.#writeHead(status, headers, close);
    const isBodiless = this.method === 'HEAD' || status === 204 || status === 304;
    if (!isBodiless && (body === null || body.length <= SMALL_BYTES) && !this.#isSample()) {
      if (this.#ending === 'announce') res.writeHeader('connection', 'close');
      res.end(body ?? '', this.#ending === 'cut');
      this.#finish();
      return;
    }
    if (this.#ending !== 'keep') res.writeHeader('connection', 'close');
    this.#stopReading();
    if (isBodiless) {
      if (body === null || status === 204 || status === 304) res.endWithoutBody();
      else res.endWithoutBody(typeof body === 'string' ? Buffer.byteLength(body) : body.length);
      this.#finish();
    } else {
      this.#sendLarge(typeof body === 'string' ? Buffer.from(body) : (body ?? NOTHING));
    }
  }

  /** Never one that closes: the core would have to be left to do that. */
  #isSample(): boolean {
    return this.#ending === 'keep' && ++this.#host.answers % SAMPLE === 0;
  }

  #sendLarge(body: Uint8Array): void {
    const res = this.#res;
    const [, done] = res.tryEnd(body, body.length);
    if (done) {
      this.#finish();
      return;
    }
    this.#watchProgress();
    res.onWritable((offset) => {
      this.#progressAt = this.#host.wheel.now();
      this.#stopReading();
      const [ok, complete] = res.tryEnd(body.subarray(offset), body.length);
      if (complete) this.#finish();
      return ok;
    });
  }

  // --- the answer in pieces

  begin(status: number, headers: readonly string[], close: boolean): void {
    if (this.#phase !== OPEN) return;
    this.#phase = ANSWERING;
    const start = (): void => {
      this.#writeHead(status, headers, close);
      if (this.#ending !== 'keep') this.#res.writeHeader('connection', 'close');
      this.#res.onWritable(() => {
        this.#progressAt = this.#host.wheel.now();
        // With a handler of ours the core does not drain its buffer itself; an empty cork does.
        this.#res.cork(() => {});
        this.#wakeWriter();
        return true;
      });
    };
    if (this.#inCallback && !this.#deferred) start();
    else this.#corked(start);
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    while (this.#pending !== undefined) await turn();
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let at = 0; at < bytes.length; ) {
      if (this.#phase !== ANSWERING) throw clientClosed();
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
    if (this.#phase !== ANSWERING) throw clientClosed();
  }

  end(): void {
    if (this.#phase !== ANSWERING) return;
    this.#corked(() => {
      this.#stopReading();
      this.#res.end();
      this.#finish();
    });
  }

  async #writable(): Promise<void> {
    this.#watchProgress();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#alarm?.cancel();
  }

  #wakeWriter(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  // --- the body

  get #hasBody(): boolean {
    return this.#framing.contentLength > 0 || this.#framing.isChunked;
  }

  readBody(onChunk: (chunk: Uint8Array, last: boolean) => void): void {
    if (!this.#hasBody) {
      onChunk(NOTHING, true);
      return;
    }
    if (this.#phase !== OPEN) return;
    this.#onChunk = onChunk;
    const held = this.#held;
    this.#held = undefined;
    if (!this.#attached) this.#attach();
    if (held === undefined) return;
    const isWhole = this.#bodyDone;
    for (const [i, chunk] of held.entries()) onChunk(chunk, isWhole && i === held.length - 1);
    this.resume();
  }

  #attach(): void {
    this.#attached = true;
    this.#res.onData((chunk, last) => {
      if (this.#phase >= DONE) return;
      this.#bodyDone = last;
      // A copy: the core takes its memory back.
      const bytes = Buffer.from(new Uint8Array(chunk));
      try {
        if (this.#held !== undefined) this.#held.push(bytes);
        else this.#onChunk?.(bytes, last);
      } catch (error) {
        this.#host.failed(error);
        this.destroy();
      }
    });
  }

  /** A tick later: the core starts its 10 s clock when a callback of its own returns, and a pause stops it. */
  pause(): void {
    if (this.#wantsPause) return;
    this.#wantsPause = true;
    setImmediate(() => {
      if (!this.#wantsPause || this.#paused || this.#bodyDone || this.#phase !== OPEN) return;
      this.#paused = true;
      this.#res.pause();
    });
  }

  resume(): void {
    this.#wantsPause = false;
    if (!this.#paused || this.#phase >= DONE) return;
    this.#paused = false;
    this.#res.resume();
  }

  // --- ends

  destroy(): void {
    if (this.#phase >= DONE) return;
    this.#finish();
    this.#res.close();
  }

  #writeHead(status: number, headers: readonly string[], close: boolean): void {
    const res = this.#res;
    this.#ending = this.#endingOf(status, close);
    // Behind the answer the core goes on reading, be it to throw away what is left of the body.
    this.resume();
    if (status !== 200) res.writeStatus(statusLine(status));
    for (let i = 0; i < headers.length; i += 2) res.writeHeader(headers[i]!, headers[i + 1]!);
  }

  #endingOf(status: number, close: boolean): Ending {
    if (this.#framing.isLast) return 'cut';
    const isUnread = this.#framing.contentLength > 0 && !this.#bodyDone;
    // A client that still sends would lose the answer to the reset of a cut connection: it is told, and the
    // core ends the connection within seconds. 408 says that nothing is being sent.
    if (isUnread && status !== 408) {
      return close || this.#framing.contentLength > DISCARD_BYTES ? 'announce' : 'keep';
    }
    return close || isUnread ? 'cut' : 'keep';
  }

  #stopReading(): void {
    // Before every write that may be the last: one that is held up makes the core read again.
    if (this.#framing.isLast) this.#res.pause();
  }

  #watchProgress(): void {
    this.#progressAt = this.#host.wheel.now();
    this.#waitForProgress(this.#host.streamIdleMs);
  }

  #waitForProgress(ms: number): void {
    this.#alarm = this.#host.wheel.after(ms, () => {
      const left = this.#progressAt + this.#host.streamIdleMs - this.#host.wheel.now();
      if (left > 0) this.#waitForProgress(left);
      else if (this.#phase === ANSWERING) this.#res.close();
    });
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
    this.#res.cork(write);
  }

  #undefer(): void {
    this.#deferred = false;
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || this.#phase >= DONE) return;
    try {
      this.#res.cork(pending);
    } catch (error) {
      this.#host.failed(error);
      this.destroy();
    }
  }

  #finish(): void {
    this.#phase = DONE;
    this.#alarm?.cancel();
    this.#listeners = undefined;
    if (!this.#inCallback) this.#host.unfinished--;
    this.#wakeWriter();
  }

  #gone(): void {
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

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
