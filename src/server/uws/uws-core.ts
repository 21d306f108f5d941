// The part of uWebSockets.js that is used here, typed by us: its package shows no types to ES modules. Loaded
// on first use, so that what never opens a socket (in-process calls, most tests) never loads the addon.
import { createRequire } from 'node:module';

/** Valid only during the callback that got it. */
export interface CoreRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  /** Without a `?` in the URL: null in some versions, undefined in others. */
  getQuery(): string | null | undefined;
  forEach(field: (name: string, value: string) => void): void;
  /** In an upgrade callback: somebody else's. */
  setYield(isNotOurs: boolean): void;
}

/** Dead after end, abort or close: any use then throws. */
export interface CoreResponse {
  writeStatus(status: string): this;
  writeHeader(name: string, value: string | Uint8Array): this;
  /** Chunked; true when nothing had to be buffered. */
  write(chunk: string | Uint8Array): boolean;
  /** @param close never after `write`: the core would put a header into the body */
  end(body?: string | Uint8Array, close?: boolean): this;
  /** Told of a length, it would leave the connection without a clock. */
  endWithoutBody(): this;
  tryEnd(chunk: Uint8Array, totalSize: number): [ok: boolean, done: boolean];
  getWriteOffset(): number;
  onWritable(handler: (offset: number) => boolean): this;
  onAborted(handler: () => void): this;
  /** The chunk is detached when the handler returns. */
  onData(handler: (chunk: ArrayBuffer, last: boolean) => void): this;
  cork(write: () => void): this;
  pause(): void;
  resume(): void;
  close(): this;
  /**
   * Answers 101, with the fields written so far. `open` runs inside, and the response is dead.
   * @param data its members are copied to the socket
   */
  upgrade(data: object, key: string, protocol: string, extensions: string, context: CoreContext): void;
  /** 4 or 16 bytes; empty when the socket is gone. */
  getRemoteAddress(): ArrayBuffer;
}

/** Names a `ws` behaviour; nothing to look into. */
export type CoreContext = object & { readonly core: 'context' };

/** Dead once its `close` has been called; any use then throws. */
export interface CoreWebSocket {
  /** 0 held back, 1 sent, 2 dropped. */
  send(data: string | Uint8Array, isBinary: boolean, compress: boolean): number;
  ping(data: string | Uint8Array): number;
  /** Calls `close` before it returns. */
  end(code: number, reason: string): void;
  /** As `end`, without a word. */
  close(): void;
  subscribe(topic: string): boolean;
  unsubscribe(topic: string): boolean;
  isSubscribed(topic: string): boolean;
  publish(topic: string, data: string | Uint8Array, isBinary: boolean, compress: boolean): boolean;
  getBufferedAmount(): number;
}

/** What the core is told about the sockets of one pattern. Whatever is out of range ends the process. */
export interface CoreBehavior<Socket extends CoreWebSocket> {
  readonly maxPayloadLength: number;
  /** Whole seconds, 8..960. */
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  readonly maxBackpressure: number;
  readonly closeOnBackpressureLimit: boolean;
  /** 0 never, 1 without context take-over. */
  readonly compression: 0 | 1;
  readonly upgrade: (response: CoreResponse, request: CoreRequest, context: CoreContext) => void;
  readonly open: (socket: Socket) => void;
  /** The memory is the core's, and detached when the callback returns; so are all below. */
  readonly message: (socket: Socket, data: ArrayBuffer, isBinary: boolean) => void;
  readonly drain: (socket: Socket) => void;
  readonly close: (socket: Socket, code: number, reason: ArrayBuffer) => void;
  /** Counts of the whole app. */
  readonly subscription: (socket: Socket, topic: ArrayBuffer, now: number, before: number) => void;
}

export interface CoreApp {
  any(pattern: string, handler: (response: CoreResponse, request: CoreRequest) => void): this;
  /** Tried before `any`. Of two that match, the one added first; it may yield. */
  ws<Socket extends CoreWebSocket>(pattern: string, behavior: CoreBehavior<Socket>): this;
  publish(topic: string, data: string | Uint8Array, isBinary: boolean, compress: boolean): boolean;
  /**
   * `change` is 1 for a connection that opened, -1 for one that closed: within `close()` when that is called
   * in the handler itself, which is safe. One that was upgraded is not told of.
   */
  filter(handler: (response: Pick<CoreResponse, 'close' | 'getRemoteAddress'>, change: 1 | -1) => void): this;
  listen(host: string, port: number, callback: (socket: unknown) => void): this;
  /** Calls back before it returns, with false when the path cannot be had. */
  listen_unix(callback: (socket: unknown) => void, path: string): this;
  getDescriptor(): unknown;
  close(): this;
}

export interface Core {
  App(): CoreApp;
  /** @throws Error without a reason for files it cannot use */
  SSLApp(options: { cert_file_name: string; key_file_name: string }): CoreApp;
  us_socket_local_port(socket: unknown): number;
  us_listen_socket_close(socket: unknown): void;
  /** Undocumented; `silent` removes the core's own response header. */
  _cfg?(option: string): void;
}

/**
 * Starts the core's idle time-out of about 10 s anew. No write does that while the socket takes nothing.
 * Reading goes on behind it, also where it was paused.
 */
export function restartClock(response: Pick<CoreResponse, 'pause' | 'resume'>): void {
  response.pause();
  response.resume();
}

export function loadCore(): Core {
  return createRequire(import.meta.url)('uWebSockets.js') as Core;
}
