// Loads of undici only what calls use, and only where it is needed: in threads whose services use `call`
// (before they are ready). The whole package takes four times as long (115 ms of CPU instead of 30) and twice
// as much memory (20 MiB instead of 11), since its `fetch`, WebSockets, caches and mocks load the same parts
// of Node.js too. `require` is used because undici is CommonJS.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { buildConnector, Client, Pool } from 'undici';
import { lazyModule } from '../lazy-module.js';

const require = createRequire(import.meta.url);

export interface Undici {
  readonly Client: typeof Client;
  readonly Pool: typeof Pool;
  readonly buildConnector: typeof buildConnector;
  /** The parser of a connection; undefined or null when it has none yet or no more. */
  readonly parserOf: (socket: Socket) => Parser | null | undefined;
  /** The names of members of clients that are not documented. */
  readonly symbols: Readonly<Record<'kSocket' | 'kQueue' | 'kPendingIdx', symbol>>;
}

/** What reads the responses of a connection. */
export interface Parser {
  paused: boolean;
  readonly ptr: number;
  readonly llhttp: { llhttp_resume(ptr: number): void };
  /** Reads on after a pause. It does nothing when the connection is closed. */
  resume(): void;
  /** Called for the head of each response, interim ones included. */
  onHeadersComplete: (this: Parser, status: number, upgrade: boolean, shouldKeepAlive: boolean) => number;
}

/** @throws OutOfFilesError when it is not loaded yet and the process has no file descriptors for that */
export const loadUndici = lazyModule((): Undici => {
  const symbols = require('undici/lib/core/symbols.js') as Undici['symbols'] & { readonly kParser: symbol };
  return {
    parserOf: (socket) => (socket as Socket & Record<symbol, Parser | null | undefined>)[symbols.kParser],
    symbols,
    Client: require('undici/lib/dispatcher/client.js') as typeof Client,
    Pool: require('undici/lib/dispatcher/pool.js') as typeof Pool,
    buildConnector: require('undici/lib/core/connect.js') as typeof buildConnector,
  };
});
