// The admin plane's server: node:http in the primary, bounded in everything a client could hold on to.
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
  /** 0: any free port. */
  readonly port: number;
  /**
   * `alone`: no other process may listen on this port. `first`: nobody does now, a successor under the same
   * master of node:cluster (pm2) may later. `beside`: a predecessor does; the master spreads the connections.
   */
  readonly sharing?: 'alone' | 'first' | 'beside';
  /** undefined: everybody who may connect is the operator. */
  readonly token: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly routes: readonly AdminRoute[];
  readonly log: Logger;
  /** Tokens that open the routes with access `delegate`. */
  readonly delegates?: readonly Delegate[];
  readonly limits?: Partial<AdminLimits>;
  /** A client's connection was closed before its time, or because it took too long; default: not counted. */
  readonly closed?: (reason: ClosedReason) => void;
}

/**
 * `evicted`: for a newcomer, while it waited for its client; `refused`: there was no room; `header_timeout`:
 * its request header did not arrive in time.
 */
export type ClosedReason = 'evicted' | 'refused' | 'header_timeout';

/** How long a client may take and how much it may hold. */
export interface AdminLimits {
  /** Milliseconds for the header, from the first byte of the connection or of the next request. */
  readonly headersMs: number;
  /** Milliseconds for header and body. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Milliseconds for which a client may read no byte of a response that is complete. */
  readonly sendMs: number;
  /** Connections that have sent a request header; never more than may wait for theirs. */
  readonly connections: number;
  /** Connections that wait for their header; asked for each newcomer. */
  readonly arrivals: () => number;
  /** Milliseconds that running requests get when the server closes. */
  readonly closeMs: number;
}

const LIMITS: AdminLimits = {
  headersMs: 2000,
  requestMs: 10_000,
  keepAliveMs: 5000,
  sendMs: 10_000,
  connections: 512,
  arrivals: () => 1024,
  closeMs: 2000,
};
/** Most values of net.core.somaxconn are lower, and then those hold. A full queue drops connections. */
const BACKLOG = 4096;

export interface AdminServer {
  /** The real one, also when 0 was asked for. */
  readonly port: number;
  /** Ends event streams, answers what runs, then cuts what is left. Safe to call again. */
  readonly close: () => Promise<void>;
}

/**
 * @throws StartError naming the address that cannot be had
 * @throws Error when two routes claim the same path and method
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
    log: options.log,
  });
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    // How often the three above are looked after.
    connectionsCheckingInterval: Math.min(500, limits.headersMs),
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAlive: true,
    // Answered by us, as a problem document.
    requireHostHeader: false,
  });
  // The latter two are requests with `expect`: the one that asks whether to send the body, and any other.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (request, response) => void dispatcher.handle(request, response));
  }
  const refusals = new Refusals(inputs);
  server.on('clientError', (error, socket) => refusals.refuse(error, socket));
  const arrivals = receive(server, { connections, inputs, refusals, limits, count });
  // Under a master of node:cluster a port that another of its programs has would be shared with it unnoticed,
  // and port 0 would be the same one for all.
  const alone = sharing === 'alone' || options.port === 0;
  if (sharing === 'first' && !alone) await requireFree(host, options.port);
  const port = await listen(server, { host, port: options.port, exclusive: alone });
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

interface Reception {
  readonly connections: AdminConnections;
  readonly inputs: WeakMap<Duplex, ClientInput>;
  readonly refusals: Refusals;
  readonly limits: AdminLimits;
  readonly count: (reason: ClosedReason) => void;
}

/** Has the server see a connection only when its first request header is complete. */
function receive(server: Server, { connections, inputs, refusals, limits, count }: Reception): Arrivals {
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

/** @throws StartError when anybody listens there */
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
  return new StartError(`admin plane: ${host}:${port} ${why} (ADMIN_HOST, ADMIN_PORT)`, { cause: error });
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
