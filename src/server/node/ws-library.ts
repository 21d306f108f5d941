// The parts of the package `ws` that WebSockets of this core are made of: the reader of frames, and the
// agreement on permessage-deflate. The class `WebSocket` of the package is not used, because it writes every
// frame by itself, without a bound for what waits, and has a compressor for each socket. The package has no
// types for these parts.
import { createRequire } from 'node:module';
import { lazyModule } from '../../lazy-module.js';

export type Inflated = (error: Error | null, data?: Buffer) => void;

export interface FrameReaderOptions {
  readonly isServer: true;
  readonly maxPayload: number;
  /** Fragments of one message. */
  readonly maxFragments: number;
  /** What has been agreed on. The callback of `decompress` must be called later, also for a fragment. */
  readonly extensions: {
    'permessage-deflate'?: { decompress(data: Buffer, isLast: boolean, done: Inflated): void };
  };
}

/**
 * Reads frames and puts messages together. It is a stream to which the chunks of the socket are written, and
 * reports most of what it finds before `write` returns.
 */
export interface FrameReader {
  readonly writableLength: number;
  write(chunk: Uint8Array): boolean;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
  on(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
  /** The client has sent a close frame: nothing follows. */
  on(event: 'conclude', listener: (code: number, reason: Buffer) => void): this;
  on(event: 'drain', listener: () => void): this;
  on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): this;
}

export type Offers = Readonly<Record<string, readonly object[] | undefined>>;

export interface WsLibrary {
  readonly Receiver: new (options: FrameReaderOptions) => FrameReader;
  readonly PerMessageDeflate: new (options: {
    readonly isServer: true;
    readonly serverNoContextTakeover: true;
    readonly clientNoContextTakeover: true;
    readonly serverMaxWindowBits: false;
  }) => {
    /** @throws Error when no offer is acceptable */
    accept(offers: readonly object[]): Readonly<Record<string, unknown>>;
  };
  readonly extension: {
    /** @throws SyntaxError */
    parse(header: string): Offers;
    format(extensions: Offers): string;
  };
}

const require = createRequire(import.meta.url);

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const loadWsLibrary = lazyModule(() => require('ws') as WsLibrary);
