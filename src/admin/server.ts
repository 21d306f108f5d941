// The server of the admin plane: node:http in the primary, with limits for everything that a client can hold.
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { StartError } from '../errors.js';
import { AdminConnections } from './admin-connections.js';
import type { AdminRoute } from './admin-route.js';
import { AdminRouter } from './admin-router.js';
import { Arrivals } from './arrivals.js';
import { ClientInput } from './client-input.js';
import { Credentials, type Delegate } from './credentials.js';
import { Dispatcher } from './dispatcher.js';
import { FailedTokens } from './failed-tokens.js';
import { MAX_HEADER_BYTES, Refusals } from './refusals.js';

export interface AdminServerOptions {
  readonly host: string;
  /** 0 stands for any free port. */
  readonly port: number;
  /**
   * `alone`: no other process may listen on this port. `first`: no other process listens now, and a successor
   * under the same master of node:cluster (pm2) may do so later. `beside`: a predecessor listens, and the
   * master spreads the connections.
   * @default `alone`
   */
  readonly sharing?: 'alone' | 'first' | 'beside';
  /** The operator's token. Without one, every client that sends no token is the operator. */
  readonly token: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly routes: readonly AdminRoute[];
  readonly log: Logger;
  /** Tokens that open only routes with access `delegate`. */
  readonly delegates?: readonly Delegate[];
  readonly limits?: Partial<AdminLimits>;
  /** Called when a connection is closed for a reason that its client did not choose. */
  readonly closed?: (reason: ClosedReason) => void;
}

/**
 * `evicted`: the connection waited for its client and was closed for a new one. `refused`: the limit was
 * reached and no connection could be closed. `header_timeout`: the request header did not arrive in time.
 */
export type ClosedReason = 'evicted' | 'refused' | 'header_timeout';

/** The time that a client may take and the connections that all of them may hold. */
export interface AdminLimits {
  /**
   * Milliseconds for a header, from the beginning of the connection or the first byte of the next request.
   */
  readonly headersMs: number;
  /** Milliseconds for header and body together. */
  readonly requestMs: number;
  /** Milliseconds for which a connection may wait for its next request. */
  readonly keepAliveMs: number;
  /** A client that reads nothing of its response for this many milliseconds is disconnected. */
  readonly sendMs: number;
  /** The same for an event stream of which something waits to be read. */
  readonly streamMs: number;
  /** Connections that have sent a request header. There are never more than `arrivals` allows. */
  readonly connections: number;
  /** Connections that wait for their header; read for each new connection. */
  readonly arrivals: () => number;
  /** Milliseconds that running requests have when the server closes. */
  readonly closeMs: number;
}

const LIMITS: AdminLimits = {
  headersMs: 2000,
  requestMs: 10_000,
  keepAliveMs: 5000,
  sendMs: 10_000,
  streamMs: 60_000,
  connections: 512,
  arrivals: () => 1024,
  closeMs: 2000,
};
/** A full queue drops connections. The kernel lowers this to net.core.somaxconn. */
const BACKLOG = 4096;

export interface AdminServer {
  /** The port that the server listens on, also when the option was 0. */
  readonly port: number;
  /**
   * Ends event streams, lets running requests end for `closeMs`, then closes all connections. It may be
   * called again.
   */
  readonly close: () => Promise<void>;
}

/**
 * @throws StartError that names the address which cannot be bound
 * @throws Error when two routes have the same path and method
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const limits = { ...LIMITS, ...options.limits };
  const { host, sharing = 'alone', closed: count = () => {} } = options;
  const connections = new AdminConnections({
    most: () => Math.min(limits.connections, limits.arrivals()),
    evicted: () => count('evicted'),
  });
  const inputs = new WeakMap<Duplex, ClientInput>();
  const dispatcher = new Dispatcher({
    host,
    allowedHosts: options.allowedHosts,
    router: new AdminRouter(options.routes),
    credentials: new Credentials(options.token, options.delegates),
    failedTokens: new FailedTokens(),
    connections,
    inputs,
    sendMs: limits.sendMs,
    streamMs: limits.streamMs,
    log: options.log,
  });
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    // Node.js checks `headersTimeout` and `requestTimeout` at this interval.
    connectionsCheckingInterval: Math.min(500, limits.headersMs),
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAlive: true,
    // The dispatcher refuses such a request with a problem document.
    requireHostHeader: false,
  });
  // The last two are for requests with the field `Expect`: one for `100-continue`, and one for any other
  // value.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (request, response) => void dispatcher.handle(request, response));
  }
  const refusals = new Refusals(inputs);
  server.on('clientError', (error, socket) => refusals.refuse(error, socket));
  const arrivals = receive(server, { connections, inputs, refusals, limits, count });
  // Under a master of node:cluster a port of another of its programs would be shared without notice, and port
  // 0 would be the same port for all of them.
  const isExclusive = sharing === 'alone' || options.port === 0;
  if (sharing === 'first' && !isExclusive) await requireFree(host, options.port);
  const port = await listen(server, { host, port: options.port, exclusive: isExclusive });
  let closed: Promise<void> | undefined;
  return {
    port,
    close: () => {
      arrivals.close();
      closed ??= closeServer(server, dispatcher, limits.closeMs);
      return closed;
    },
  };
}

interface ReceptionOptions {
  readonly connections: AdminConnections;
  readonly inputs: WeakMap<Duplex, ClientInput>;
  readonly refusals: Refusals;
  readonly limits: AdminLimits;
  readonly count: (reason: ClosedReason) => void;
}

/** Passes a connection to the server only when its first request header is complete. */
function receive(
  server: Server,
  { connections, inputs, refusals, limits, count }: ReceptionOptions,
): Arrivals {
  const attach = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const arrivals = new Arrivals({
    most: limits.arrivals,
    headersMs: limits.headersMs,
    headerBytes: MAX_HEADER_BYTES,
    evicted: () => count('evicted'),
    complete: (socket) => {
      if (connections.add(socket)) {
        for (const listener of attach) listener.call(server, socket);
        inputs.set(socket, new ClientInput(socket));
        return;
      }
      count('refused');
      socket.resetAndDestroy();
    },
    late: (socket) => {
      count('header_timeout');
      refusals.late(socket, arrivals.size);
    },
  });
  server.on('connection', (socket) => arrivals.add(socket));
  return arrivals;
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly exclusive: boolean;
}

/** @throws StartError when a process listens on this address */
async function requireFree(host: string, port: number): Promise<void> {
  const server = createServer();
  await listen(server, { host, port, exclusive: true });
  await new Promise((resolve) => server.close(resolve));
}

async function listen(server: Server, address: Address): Promise<number> {
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => reject(startError(error, host, port));
    server.once('error', failed);
    server.listen({ ...address, backlog: BACKLOG }, () => {
      server.off('error', failed);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

function startError(error: Error, host: string, port: number): StartError {
  const code = 'code' in error ? error.code : undefined;
  const why =
    code === 'EADDRINUSE'
      ? 'is already in use'
      : code === 'EACCES'
        ? 'may not be bound by this user'
        : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
          ? 'is no address of this host'
          : `cannot be bound (${String(code)})`;
  const next =
    code === 'EADDRINUSE' ? ': stop the process that has it, or set ADMIN_PORT' : ' (ADMIN_HOST, ADMIN_PORT)';
  return new StartError(`admin plane: ${host}:${port} ${why}${next}`, { cause: error });
}

function closeServer(server: Server, dispatcher: Dispatcher, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), withinMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    dispatcher.drain();
    server.closeIdleConnections();
  });
}
