// The contract of an HTTP core: the server of one worker, which takes requests from sockets and hands them to
// the App. There are two implementations, on uWebSockets.js (uws/uws-server.ts) and on `node:http`
// (node/node-server.ts); HTTP_CORE chooses.
import type { Settings } from '../config.js';
import type { Counter } from '../memory/metrics/recorder.js';
import type { TlsFiles } from './certificate.js';

/** Admits connections. Each connection that was admitted leaves once. */
export interface ConnectionGate {
  /**
   * @param address of the client, as text
   * @param makesRoom closes a connection that has no request, at MAX_CONNECTIONS; false when there is none
   * @returns false when the connection is to be closed at once
   */
  enter(address: () => string, makesRoom?: () => boolean): boolean;
  leave(): void;
  /**
   * Called for each response that would leave its connection open and may close it.
   * @returns true when the response is to close it, because this worker has more connections than its share
   */
  givesUp(): boolean;
}

export interface HttpServerOptions {
  readonly settings: Pick<Settings, 'maxHeaderBytes' | 'maxUrlBytes' | 'streamIdleMs'>;
  /** Files that `checkCertificate` has accepted. Default: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Bounds the connections (MAX_CONNECTIONS). Default: all are admitted. */
  readonly gate?: ConnectionGate;
  /** Counts bodies that were not read to their end (lingering.ts). Default: they are not counted. */
  readonly abandonedBodies?: Pick<Counter, 'add'>;
}

export interface HttpServer {
  /**
   * Listens beside other listeners on the same port, where the system can do that. Port 0 means any free
   * port.
   * @returns the port @throws Error when the server cannot listen on it
   */
  listen(port: number, host: string): Promise<number>;
  /**
   * Accepts no new connections; open ones stay. May be called at any time.
   * @param withinMs the longest time for which it accepts what waits, but for one turn of the event loop
   */
  stopListening(withinMs?: number): void | Promise<void>;
  /** Number of open sockets. */
  readonly connections: number;
  /** Number of responses that are not complete, those of requests in flight included. A drain waits for 0. */
  readonly unfinished: number;
  /** The callback of a request is running: everything that it calls is synchronous. */
  readonly inCallback: boolean;
  /** Call when the running code is about to be interrupted, before its requests get their responses. */
  prepareInterrupt(): void;
  /** Call when code has thrown and nothing has caught it, in the turn in which it was thrown. */
  exceptionThrown(): void;
  /**
   * Closes all WebSockets with 1001, so that their clients reconnect to another worker. May be called again.
   * @returns how many they are
   */
  leaveWebSockets(): number;
  /** Closes the listener and every socket. Must have run before the thread ends; may be called twice. */
  close(): void;
}

export const UNCOUNTED: Pick<Counter, 'add'> = { add: () => undefined };
export const OPEN_GATE: ConnectionGate = { enter: () => true, leave: () => undefined, givesUp: () => false };
