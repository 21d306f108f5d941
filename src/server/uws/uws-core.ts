// Types of the part of uWebSockets.js that is used here, because its package has none for ES modules. The
// addon is loaded on first use, so code that never opens a socket (in-process calls, most tests) does not
// load it.
import { createRequire } from 'node:module';

/** A request is valid only during the callback that got it. */
export interface CoreRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  /** For a URL without `?` the result is null in some versions, undefined in others. */
  getQuery(): string | null | undefined;
  forEach(field: (name: string, value: string) => void): void;
  /** In an upgrade callback: hands the request on to the next pattern that matches. */
  setYield(isHandedOn: boolean): void;
}

/** A response is dead after end, abort or close: any use then throws. */
export interface CoreResponse {
  writeStatus(status: string): this;
  writeHeader(name: string, value: string | Uint8Array): this;
  /** Writes a chunk. @returns true when nothing had to be buffered */
  write(chunk: string | Uint8Array): boolean;
  /** @param close not to be used after `write`: the core would put a header field into the body */
  end(body?: string | Uint8Array, close?: boolean): this;
  /** Called with a length, it would leave the connection without an idle time-out. */
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
   * Responds 101 with the fields written so far. `open` runs inside; then the response is dead.
   * @param data object whose members the core copies to the socket
   */
  upgrade(data: object, key: string, protocol: string, extensions: string, context: CoreContext): void;
  /** The address has 4 or 16 bytes, or none when the socket is closed. */
  getRemoteAddress(): ArrayBuffer;
}

/** An opaque name of a `ws` behaviour. */
export type CoreContext = object & { readonly core: 'context' };

/** A socket is dead once the `close` of its behaviour has been called; any use then throws. */
export interface CoreWebSocket {
  /** @returns 0: buffered, 1: sent, 2: dropped */
  send(data: string | Uint8Array, isBinary: boolean, compress: boolean): number;
  ping(data: string | Uint8Array): number;
  /** Calls `close` before it returns. */
  end(code: number, reason: string): void;
  /** Closes like `end`, without a close frame. */
  close(): void;
  subscribe(topic: string): boolean;
  unsubscribe(topic: string): boolean;
  isSubscribed(topic: string): boolean;
  publish(topic: string, data: string | Uint8Array, isBinary: boolean, compress: boolean): boolean;
  getBufferedAmount(): number;
}

/** The settings and callbacks for the sockets of one pattern. A value out of range ends the process. */
export interface CoreBehavior<Socket extends CoreWebSocket> {
  readonly maxPayloadLength: number;
  /** A whole number of seconds from 8 to 960. */
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  readonly maxBackpressure: number;
  readonly closeOnBackpressureLimit: boolean;
  /** 0: no compression, 1: compression without context take-over. */
  readonly compression: 0 | 1;
  readonly upgrade: (response: CoreResponse, request: CoreRequest, context: CoreContext) => void;
  readonly open: (socket: Socket) => void;
  /**
   * The memory belongs to the core and is detached when the callback returns. The same holds for `reason` and
   * `topic`.
   */
  readonly message: (socket: Socket, data: ArrayBuffer, isBinary: boolean) => void;
  readonly drain: (socket: Socket) => void;
  readonly close: (socket: Socket, code: number, reason: ArrayBuffer) => void;
  /** @param now subscribers of the topic in the whole app @param before those before the change */
  readonly subscription: (socket: Socket, topic: ArrayBuffer, now: number, before: number) => void;
}

export type CoreHandler = (response: CoreResponse, request: CoreRequest) => void;

export interface CoreApp {
  any(pattern: string, handler: CoreHandler): this;
  /** A route of a method is tried before `any`. The core compares the pattern with each of its siblings. */
  get(pattern: string, handler: CoreHandler): this;
  post(pattern: string, handler: CoreHandler): this;
  put(pattern: string, handler: CoreHandler): this;
  patch(pattern: string, handler: CoreHandler): this;
  del(pattern: string, handler: CoreHandler): this;
  /** A `ws` pattern is tried before `any`. Of two that match, the one added first is called; it may yield. */
  ws<Socket extends CoreWebSocket>(pattern: string, behavior: CoreBehavior<Socket>): this;
  publish(topic: string, data: string | Uint8Array, isBinary: boolean, compress: boolean): boolean;
  /**
   * Reports connections: `change` is 1 for one that has opened, -1 for one that has closed. The handler may
   * call `close()`, which then reports -1 before it returns. The end of an upgraded connection is not
   * reported.
   */
  filter(handler: (response: Pick<CoreResponse, 'close' | 'getRemoteAddress'>, change: 1 | -1) => void): this;
  listen(host: string, port: number, callback: (socket: unknown) => void): this;
  /** Calls back before it returns, with false when it cannot listen at the path. */
  listen_unix(callback: (socket: unknown) => void, path: string): this;
  getDescriptor(): unknown;
  close(): this;
}

export interface Core {
  App(): CoreApp;
  /** @throws Error without a reason when it cannot use the files */
  SSLApp(options: { cert_file_name: string; key_file_name: string }): CoreApp;
  us_socket_local_port(socket: unknown): number;
  us_listen_socket_close(socket: unknown): void;
  /** Undocumented; `silent` removes the header field that the core adds to responses. */
  _cfg?(option: string): void;
}

/**
 * Restarts the core's idle time-out of about 10 s. No write does that while the socket takes nothing.
 * Afterwards the core reads, even if reading was paused.
 */
export function restartClock(response: Pick<CoreResponse, 'pause' | 'resume'>): void {
  response.pause();
  response.resume();
}

/** The client has reset the connection. The core reports that too, but not while reading is paused. */
export const isReset = (response: Pick<CoreResponse, 'getRemoteAddress'>): boolean =>
  response.getRemoteAddress().byteLength === 0;

export function loadCore(): Core {
  return createRequire(import.meta.url)('uWebSockets.js') as Core;
}
