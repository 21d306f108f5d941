// What the exchanges of one server share.
import type { Duplex } from 'node:stream';
import type { EnteredStores } from '../entered-stores.js';
import type { Acceptance } from '../exchange.js';
import type { LingeringHost } from '../lingering.js';
import type { PendingInterrupt } from '../pending-interrupt.js';
import type { Guard } from './guarded.js';
import type { NodeConnection } from './node-connection.js';
import type { ResponseDate } from './node-date.js';

/** A WebSocket, as far as the exchange that has opened it is concerned. */
export interface OpenedSocket {
  /** Runs the `open` callback of the service. */
  opened(): void;
}

export interface NodeExchangeHost extends LingeringHost {
  readonly streamIdleMs: number;
  readonly stores: EnteredStores;
  readonly date: ResponseDate;
  /** Exchanges that have outlived their request callback and are not complete. */
  unfinished: number;
  /** The connection whose parser has called the running code; undefined where something else has. */
  parsing: NodeConnection | undefined;
  /** Keeps a callback of the parser from returning before an interruption that has been ordered. */
  readonly interrupt: PendingInterrupt;
  /** Runs code of an application within a callback of the parser of the connection. */
  withinParser(connection: NodeConnection, run: () => void): void;
  /** Logs an error. Never throws. */
  failed(error: unknown): void;
  /** For what Node.js calls. */
  readonly guard: Guard;
  /** True when a response is to close its connection, because the worker has more than its share of them. */
  givesUp(): boolean;
  /**
   * Responds 101: the socket is a WebSocket of the route from now on. Undefined when the client has left.
   * @param head what has arrived behind the request
   */
  accept(socket: Duplex, head: Buffer, acceptance: Acceptance): OpenedSocket | undefined;
}
