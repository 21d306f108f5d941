// The contract of a worker's server: what serve.ts needs to run it and drain-worker.ts to end it. There are
// two implementations, for HTTP (http-server.ts) and for gRPC (grpc-worker-server.ts).
import type { Logger } from 'pino';
import type { WorkerBoot } from '../cluster/messages.js';
import type { WorkerParts, WorkerSide } from '../cluster/worker-side.js';
import type { Block } from '../memory/block.js';
import type { HttpServer } from '../server/http-core.js';
import type { Host } from './host.js';
import type { StallHandlerOptions } from './stall-handler.js';

export interface WorkerServer {
  /** Open connections. */
  readonly connections: number;
  /** Responses that are not complete, beside those of the App. */
  readonly unfinished: number;
  /** As that of HttpServer. */
  stopListening(withinMs?: number): void | Promise<void>;
  /**
   * Asks clients to leave that would stay otherwise.
   * @returns the shortest time, in milliseconds, that connections are kept for that
   */
  sayGoodbye(): number;
  /** Closes the listener and all connections. May be called twice. */
  close(): void;
}

export interface OpenedServer {
  readonly server: WorkerServer;
  /** What the handling of stalls asks the server. */
  readonly core: Pick<HttpServer, 'exceptionThrown'> & StallHandlerOptions['server'];
  /** The orders of the primary that only a server of this kind gets. */
  readonly orders: Pick<WorkerParts, 'listen' | 'unbind'>;
  /** Listens, or asks the primary for a port. The services are mounted by now. */
  begin(): Promise<void>;
}

export interface ServerContext {
  readonly boot: WorkerBoot;
  readonly side: WorkerSide;
  readonly block: Block;
  readonly host: Host;
  readonly log: Logger;
}

/** Makes the server of a worker. */
export type OpenServer = (context: ServerContext) => Promise<OpenedServer>;
