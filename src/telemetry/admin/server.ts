// The admin plane's server: node:http in the primary, bounded in everything a client could hold on to.
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { HttpError, StartError } from '../../errors.js';
import { TraceIds } from '../trace-ids.js';
import { Credentials, type Delegate } from './credentials.js';
import { Dispatcher } from './dispatch.js';
import { FailedTokens } from './failed-tokens.js';
import type { AdminRoute } from './handler.js';
import { problemOf } from './problem.js';
import { AdminRouter } from './router.js';

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
}

/** How long a client may take and how much it may hold. */
export interface AdminLimits {
  /** Milliseconds for the header, from the first byte of the connection or of the next request. */
  readonly headersMs: number;
  /** Milliseconds for header and body. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly connections: number;
  /** Milliseconds that running requests get when the server closes. */
  readonly closeMs: number;
}

const LIMITS: AdminLimits = {
  headersMs: 8000,
  requestMs: 15_000,
  keepAliveMs: 5000,
  connections: 512,
  closeMs: 2000,
};
const MAX_HEADER_BYTES = 16 * 1024;

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
  const { host, sharing = 'alone' } = options;
  const dispatcher = new Dispatcher({
    host,
    allowedHosts: options.allowedHosts,
    router: new AdminRouter(options.routes),
    credentials: new Credentials(options.token, options.delegates),
    failedTokens: new FailedTokens(),
    log: options.log,
  });
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      // How often the three above are looked after.
      connectionsCheckingInterval: Math.min(1000, limits.headersMs),
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAlive: true,
      // Answered by us, as a problem document.
      requireHostHeader: false,
    },
    (request, response) => void dispatcher.handle(request, response),
  );
  server.maxConnections = limits.connections;
  const ids = new TraceIds();
  server.on('clientError', (error, socket) => refuse(error, socket, ids));
  // Under a master of node:cluster a port that another of its programs has would be shared with it unnoticed, and
  // port 0 would be the same one for all.
  const alone = sharing === 'alone' || options.port === 0;
  if (sharing === 'first' && !alone) await requireFree(host, options.port);
  const port = await listen(server, { host, port: options.port, exclusive: alone });
  let closed: Promise<void> | undefined;
  return {
    port,
    close: () => {
      closed ??= closeServer(server, dispatcher, limits.closeMs);
      return closed;
    },
  };
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
    server.listen(address, () => {
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

/** What node's parser refuses, or what took too long: there is no request object, so the bytes are written here. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex, ids: TraceIds): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const { status, headers, body } = problemOf(failureOf(error.code), {
    requestId,
    traceId: ids.traceId(),
    executed: false,
  });
  const fields = { ...headers, 'x-request-id': requestId, 'content-length': Buffer.byteLength(body) };
  const lines = Object.entries({ ...fields, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function failureOf(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError('HEADERS_TOO_LARGE', `The header is larger than ${MAX_HEADER_BYTES} bytes.`);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new HttpError('BODY_TIMEOUT', 'The request did not arrive in time.');
  }
  return new HttpError('MALFORMED_REQUEST', 'The request is not valid HTTP.');
}
