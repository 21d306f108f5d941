// Loads the client of WebSockets at its first use. Its package has no types of its own; these are the parts
// of its interface that are used here. The WebSocket of undici cannot stop reading, so an endpoint that sends
// faster than a client reads could fill the memory.
import type { ClientRequest, IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { lazyModule } from '../lazy-module.js';

export interface WsOptions {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly maxPayload: number;
  readonly perMessageDeflate: false;
  readonly followRedirects: false;
  /** Called with the request of the handshake, which it has to end. */
  readonly finishRequest: (request: ClientRequest) => void;
}

export interface Ws {
  readonly protocol: string;
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  send(data: string | Uint8Array): void;
  ping(): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: 'open', listener: () => void): this;
  on(event: 'upgrade', listener: (response: IncomingMessage) => void): this;
  on(
    event: 'unexpected-response',
    listener: (request: ClientRequest, response: IncomingMessage) => void,
  ): this;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
  on(event: 'close', listener: (code: number, reason: Buffer) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
}

export type WsConstructor = new (url: string, protocols: readonly string[], options: WsOptions) => Ws;

const require = createRequire(import.meta.url);

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const loadWs = lazyModule(() => require('ws') as WsConstructor);
