// The part of uWebSockets.js that is used here, typed by us: its package shows no types to ES modules.
// Loaded on first use, so that what never opens a socket (in-process calls, most tests) never loads the addon.
import { createRequire } from 'node:module';

/** Valid only during the callback that got it. */
export interface CoreRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  /** Without a `?` in the URL: null in some versions, undefined in others. */
  getQuery(): string | null | undefined;
  forEach(field: (name: string, value: string) => void): void;
}

/** Dead after end, abort or close: any use then throws. */
export interface CoreResponse {
  writeStatus(status: string): this;
  writeHeader(name: string, value: string): this;
  /** Chunked; true when nothing had to be buffered. */
  write(chunk: string | Uint8Array): boolean;
  /** @param close never after `write`: the core would put a header into the body */
  end(body?: string | Uint8Array, close?: boolean): this;
  /** An explicit undefined is taken for a length. */
  endWithoutBody(reportedLength?: number): this;
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
  /** 4 or 16 bytes; empty when the socket is gone. */
  getRemoteAddress(): ArrayBuffer;
}

export interface CoreApp {
  any(pattern: string, handler: (response: CoreResponse, request: CoreRequest) => void): this;
  /** `change` is 1 for a connection that opened, -1 for one that closed. */
  filter(handler: (response: unknown, change: 1 | -1) => void): this;
  listen(host: string, port: number, callback: (socket: unknown) => void): this;
  getDescriptor(): unknown;
  close(): this;
}

export interface Core {
  App(): CoreApp;
  us_socket_local_port(socket: unknown): number;
  /** Undocumented; `silent` removes the core's own response header. */
  _cfg?(option: string): void;
}

export function loadCore(): Core {
  return createRequire(import.meta.url)('uWebSockets.js') as Core;
}
