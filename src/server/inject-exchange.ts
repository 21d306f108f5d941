// One request without a socket. Its response goes to a Receiver (inject.ts).
import type { IncomingMessage } from 'node:http';
import { type AbortListener, type AbortSource, SignalAbort } from '../abort-source.js';
import { lazyModule } from '../lazy-module.js';
import type { SharedWork } from '../scope.js';
import { clientClosed } from './body/body.js';
import type { BodyReading, Exchange, NodeMessages, TakeOverEvents } from './exchange.js';
import type { HeadLimits } from './framing.js';
import { shareSpent } from './loop-share.js';
import type { InjectedMessages } from './node/node-injected.js';
import { RequestHead } from './request-head.js';
import { textOfOctets } from './response/field-octets.js';

export interface InjectedRequest {
  /** @default 'GET' */
  readonly method?: string;
  /** The path with its query. */
  readonly url: string;
  /** Names in any case. `host` and `content-length` are added where they are missing. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** An iterable is read once, and no faster than the handler takes it. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** The request may reach `internal` routes and is covered by the permit of its caller. @default false */
  readonly inProcess?: boolean;
  /** A call by gRPC: `url` is the path of its method, and the body its message. @default false */
  readonly isRpc?: boolean;
  /** See `Scope.callDepth`. @default 0 */
  readonly callDepth?: number;
  /** See `Scope.sharedWork`. @default none */
  readonly sharedWork?: SharedWork | undefined;
  /** Bounds of URL and header, as over the network. @default none */
  readonly limits?: HeadLimits | undefined;
  /** @default '127.0.0.1' */
  readonly remoteAddress?: string;
  /** Aborting it means that the client leaves. */
  readonly signal?: AbortSignal | undefined;
  /** The same without a signal. */
  readonly abort?: AbortSource | undefined;
}

/**
 * Receives the response: `whole`; or `begin`, `write` and `end`; or `fail` when there is no response, or no
 * more of it.
 */
export interface Receiver {
  /**
   * @param body belongs to the receiver; a text stands for its bytes in UTF-8
   * @param length the number of bytes of the body
   */
  whole(status: number, headers: FieldRecord, body: Uint8Array | string, length: number): void;
  begin(status: number, headers: FieldRecord): void;
  /** @returns undefined, or a promise that resolves when more can be taken */
  write(chunk: Uint8Array): Promise<void> | undefined;
  end(): void;
  fail(reason: unknown): void;
}

/**
 * Fields by name in lower case, with a null prototype, which belong to the receiver. The values of a repeated
 * field are joined by a comma, those of `set-cookie` by a line end.
 */
export type FieldRecord = Record<string, string>;

/** Loaded for the first request of a mounted application of `node:http`. */
const nodeMessages = lazyModule(() => import('./node/node-injected.js'));

/** Fields of the connection in memory, which are not passed on. */
const OF_CONNECTION: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding']);

const NO_FIELDS = Object.freeze({});
const NO_BYTES = new Uint8Array(0);
const NO_RECEIVER: Receiver = { whole() {}, begin() {}, write: () => undefined, end() {}, fail() {} };

export class InjectExchange implements Exchange, AbortListener {
  readonly head: RequestHead;
  closed = false;
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly accept = undefined;
  /** The caller keeps the bytes, so the body can be read at any time. */
  readonly isBodyPassing = false;
  deliversBehind = true;
  readonly #request: InjectedRequest;
  #receiver: Receiver;
  readonly #abort: AbortSource | undefined;
  #listeners: (() => void)[] | undefined;
  #onEnded: (() => void)[] | undefined;
  /** A response in pieces: the number of bytes that are still to come, undefined when it is unknown. */
  #begun: { left: number | undefined } | undefined;
  #hasResponse = false;
  #left = false;
  #isBodyBegun = false;
  #taken: InjectedMessages | undefined;
  #isBodyRead = false;
  #reading: BodyReading | undefined;
  /** Resolves when more of the body may be read; undefined while it is not paused. */
  #paused: { readonly over: Promise<void>; resume(): void } | undefined;

  constructor(request: InjectedRequest, receiver: Receiver) {
    this.#request = request;
    this.#receiver = receiver;
    this.head = headOf(request);
    const { abort, signal } = request;
    this.#abort = abort ?? (signal === undefined ? undefined : new SignalAbort(signal));
    this.#abort?.listen(this);
  }

  /** The caller waits for the response no longer. */
  onAbort(reason: unknown): void {
    this.leave(reason);
  }

  remoteAddress(): string {
    return this.#request.remoteAddress ?? '127.0.0.1';
  }

  rememberAddress(): void {}

  onClosed(listener: () => void): void {
    if (this.#left) queueMicrotask(listener);
    else if (!this.closed) {
      this.#listeners ??= [];
      this.#listeners.push(listener);
    }
  }

  onEnded(listener: () => void): void {
    if (this.closed) listener();
    else this.#onEnded = [...(this.#onEnded ?? []), listener];
  }

  send(status: number, headers: readonly string[], body: string | Uint8Array | null, close: boolean): void {
    if (this.closed || this.#hasResponse) return;
    const content = typeof body === 'string' ? body : body === null ? NO_BYTES : Uint8Array.from(body);
    const length = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
    const isHead = this.head.method === 'HEAD';
    const hasLength = status !== 204 && status !== 304 && !(isHead && body === null);
    const record = recordOf(headers);
    addFraming(record, hasLength ? length : undefined, close);
    this.#hasResponse = true;
    this.#close();
    if (isHead) this.#receiver.whole(status, record, NO_BYTES, 0);
    else this.#receiver.whole(status, record, content, length);
  }

  begin(status: number, headers: readonly string[], close: boolean, length?: number): void {
    if (this.closed || this.#hasResponse) return;
    this.#hasResponse = true;
    const record = recordOf(headers);
    addFraming(record, length, close);
    const isHead = this.head.method === 'HEAD';
    this.#begun = { left: isHead ? 0 : length };
    this.#receiver.begin(status, record);
    if (this.#begun.left === 0) this.end();
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (this.closed || this.#begun === undefined) throw clientClosed();
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Uint8Array.from(chunk);
    const taken = this.#receiver.write(bytes);
    if (this.#begun.left !== undefined) {
      this.#begun.left -= bytes.length;
      if (this.#begun.left === 0) this.end();
    }
    await taken;
  }

  end(): void {
    // A stream of events of an application ends in order.
    if (this.#taken?.response.writableEnded === false) this.#taken.taken.end();
    if (this.closed || this.#begun === undefined) return;
    const { left } = this.#begun;
    if (left !== undefined && left !== 0) {
      this.destroy();
      return;
    }
    this.#close();
    this.#receiver.end();
  }

  /** The objects are those of a connection in memory. */
  async takeOver(events: TakeOverEvents, bodyLimit: number): Promise<NodeMessages | undefined> {
    const { head } = this;
    const { body = '' } = this.#request;
    if (this.#isBodyBegun && isIterable(body)) return undefined;
    this.deliversBehind = false;
    const { injectMessages } = await nodeMessages();
    this.#taken = await injectMessages({
      head,
      body,
      events,
      bodyLimit,
      address: this.remoteAddress(),
      responded: (response) => void this.#passOn(response, events),
      failed: (error) => this.leave(error),
    });
    if (this.closed) this.#release();
    return this.#taken;
  }

  leaveTaken(): void {
    this.#taken?.taken.leave();
  }

  get isTakenSent(): boolean {
    return this.#taken?.taken.isSent === true;
  }

  /** Passes a response on, no faster than its receiver takes it. */
  async #passOn(response: IncomingMessage, events: TakeOverEvents): Promise<void> {
    const { statusCode = 500, rawHeaders } = response;
    const fields: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]!.toLowerCase();
      if (!OF_CONNECTION.has(name)) fields.push(name, textOfOctets(rawHeaders[i + 1]!));
    }
    try {
      if (this.head.method === 'HEAD') events.ended(statusCode);
      this.begin(statusCode, fields, false);
      for await (const piece of response) await this.write(piece as Uint8Array);
      events.ended(statusCode);
      this.end();
    } catch (error) {
      this.leave(error);
    }
  }

  #release(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    if (taken?.response.writableEnded === false) taken.taken.leave();
    taken?.close();
  }

  get isBodyComplete(): boolean {
    return this.#isBodyRead || !isIterable(this.#request.body);
  }

  readBody(onPiece: (piece: Uint8Array, isLast: boolean) => void, reading?: BodyReading): boolean {
    const { body = '' } = this.#request;
    this.#isBodyBegun = true;
    this.#reading = reading;
    if (isIterable(body)) void this.#readPieces(body, onPiece);
    // A copy, because the reader may change the bytes, and the caller may send the request again.
    else onPiece(Buffer.from(body), true);
    return true;
  }

  /** A body that fails ends the request, as a client does whose connection breaks. */
  async #readPieces(
    body: AsyncIterable<Uint8Array>,
    onPiece: (piece: Uint8Array, isLast: boolean) => void,
  ): Promise<void> {
    try {
      for await (const piece of body) {
        await this.#paused?.over;
        await shareSpent();
        if (this.#isUnwanted) return;
        onPiece(piece, false);
      }
    } catch (error) {
      if (this.closed) this.#reading?.lost();
      else this.leave(error);
      return;
    }
    this.#isBodyRead = true;
    if (!this.#isUnwanted) onPiece(NO_BYTES, true);
  }

  get #isUnwanted(): boolean {
    return this.closed && !(this.deliversBehind && this.#reading?.goesOn === true);
  }

  onBodyRefused(): void {}

  pause(): void {
    if (this.#paused !== undefined) return;
    let resume: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      resume = resolve;
    });
    this.#paused = { over, resume };
  }
  resume(): void {
    this.#paused?.resume();
    this.#paused = undefined;
  }
  leaveCallback(): void {}

  callerIsGone(): void {
    this.#receiver = NO_RECEIVER;
  }

  destroy(): void {
    if (this.closed) return;
    this.deliversBehind = false;
    this.#close();
    this.#receiver.fail(clientClosed());
  }

  /** The client leaves. */
  leave(reason: unknown): void {
    if (this.closed) return;
    const listeners = this.#listeners;
    this.#left = true;
    this.deliversBehind = false;
    this.#close();
    try {
      for (const listener of listeners ?? []) listener();
    } finally {
      this.#receiver.fail(reason);
    }
  }

  #close(): void {
    this.closed = true;
    this.#release();
    this.resume();
    this.#listeners = undefined;
    const ended = this.#onEnded;
    this.#onEnded = undefined;
    if (ended !== undefined) for (const listener of ended) listener();
    this.#abort?.unlisten(this);
  }
}

const isIterable = (body: InjectedRequest['body']): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && !(body instanceof Uint8Array);

function headOf({
  method = 'GET',
  url,
  headers = NO_FIELDS,
  body,
  inProcess = false,
  isRpc = false,
  callDepth = 0,
  sharedWork,
}: InjectedRequest): RequestHead {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const head = new RequestHead(method, path, mark === -1 ? '' : url.slice(mark + 1), inProcess);
  head.isRpc = isRpc;
  head.callDepth = callDepth;
  head.sharedWork = sharedWork;
  let hasHost = false;
  for (const given of Object.keys(headers)) {
    const name = given.toLowerCase();
    const value = headers[given]!;
    if (name === 'host') hasHost = true;
    if (typeof value === 'string') addField(head, name, value);
    else for (const line of value) addField(head, name, line);
  }
  if (!hasHost) head.add('host', 'localhost');
  if (body !== undefined && head.contentLength === -1 && !head.isChunked) {
    if (isIterable(body)) addField(head, 'transfer-encoding', 'chunked');
    else addField(head, 'content-length', String(Buffer.byteLength(body)));
  }
  return head;
}

function addField(head: RequestHead, name: string, given: string): void {
  const value = trimmed(given);
  head.add(name, value);
  if (name === 'content-length') head.contentLength = Number(value);
  else if (name === 'transfer-encoding') head.isChunked = true;
}

function recordOf(fields: readonly string[]): Record<string, string> {
  const record = Object.create(null) as Record<string, string>;
  for (let i = 0; i < fields.length; i += 2) addValue(record, fields[i]!, withoutIndent(fields[i + 1]!));
  return record;
}

/** @param length announced bytes of the body; undefined: none are announced */
function addFraming(fields: Record<string, string>, length: number | undefined, close: boolean): void {
  if (length !== undefined) addValue(fields, 'content-length', String(length));
  if (close) addValue(fields, 'connection', 'close');
}

/** A client of HTTP takes spaces before a value for a part of the syntax. */
const withoutIndent = (value: string): string => (isSpace(value, 0) ? value.replace(/^[ \t]+/, '') : value);

/** A server of HTTP does so with spaces on both sides. */
const trimmed = (value: string): string =>
  isSpace(value, 0) || isSpace(value, value.length - 1) ? value.replace(/^[ \t]+|[ \t]+$/g, '') : value;

function isSpace(value: string, at: number): boolean {
  const code = value.charCodeAt(at);
  return code === 32 || code === 9;
}

/** The values of a repeated field are joined. */
function addValue(fields: Record<string, string>, name: string, value: string): void {
  const known = fields[name];
  const separator = name === 'set-cookie' ? '\n' : ', ';
  fields[name] = known === undefined ? value : known + separator + value;
}
