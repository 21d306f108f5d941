// The primary's listener on `node:http`, for workers that listen themselves: it rejects requests while none
// of them does.
//
// A connection gets one response, which closes it. A client that sends no request would keep its connection
// after a worker listens again, and a later request on it would be rejected for no reason. So each connection
// has a short time, and a shorter one once the listener is closed: `node:http` itself watches over the
// requests of a server only as long as that listens.
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { keepOpen, listenAt } from '../node-http.js';
import { TraceIds } from '../telemetry/trace-ids.js';
import {
  type CountedPlaceholderOptions,
  cannotListen,
  type ListenMode,
  noWorker,
  type PlaceholderListener,
} from './placeholder-listener.js';

/** Times in milliseconds. */
interface PlaceholderTimes {
  /** The longest life of a connection. */
  readonly lifeMs: number;
  /** The longest life of a connection after its listener is closed. */
  readonly restMs: number;
}

const TIMES: PlaceholderTimes = { lifeMs: 5_000, restMs: 1_000 };

interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Node.js would make no request of CONNECT, and would close its connection. */
class AnyRequest extends IncomingMessage {}
Object.defineProperty(AnyRequest.prototype, 'upgrade', { get: () => false, set() {} });

export class NodePlaceholder implements PlaceholderListener {
  readonly #options: CountedPlaceholderOptions;
  readonly #times: PlaceholderTimes;
  /** The one that listens, or is about to. */
  #server: HttpServer | HttpsServer | undefined;
  #certificate: Certificate | undefined;
  /** Open connections, also those of servers that have stopped listening. */
  readonly #sockets = new Set<Socket>();
  readonly #traceIds = new TraceIds();

  constructor(options: CountedPlaceholderOptions, times = TIMES) {
    this.#options = options;
    this.#times = times;
  }

  async listen(port: number, mode: ListenMode): Promise<number> {
    const { host } = this.#options;
    const server = this.#createServer();
    this.#server = server;
    try {
      return await listenAt(server, { host, port, isShared: mode === 'shared' });
    } catch (cause) {
      if (this.#server === server) this.#server = undefined;
      throw cannotListen({ host, port, cause });
    } finally {
      // It was stopped before it listened, which only closes it now.
      if (this.#server !== server) server.close();
      // A connection that cannot be accepted later must not end the process.
      else server.on('error', () => undefined);
    }
  }

  async reserve(port: number): Promise<number> {
    const free = await this.listen(port, 'exclusive');
    this.stopListening();
    return this.listen(free, 'shared');
  }

  stopListening(): void {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    endAfter(this.#times.restMs, [...this.#sockets]);
  }

  close(): void {
    this.stopListening();
    for (const socket of this.#sockets) socket.destroy();
  }

  #createServer(): HttpServer | HttpsServer {
    const { tlsCertFile, tlsKeyFile } = this.#options;
    const server =
      tlsCertFile === undefined || tlsKeyFile === undefined
        ? createServer({ IncomingMessage: AnyRequest })
        : createTlsServer({
            ...this.#certificateOf(tlsCertFile, tlsKeyFile),
            IncomingMessage: AnyRequest,
          });
    // Before the listener of Node.js, which begins to read.
    server.prependListener('connection', (socket: Socket) => this.#connected(socket));
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
      server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        this.#refuse(request, response);
        dropBody(request, response);
        // A client that expects `100 Continue` sends its body without it, or not at all.
        if (event !== 'request') response.once('finish', () => request.socket.end());
      });
    return server;
  }

  /**
   * The certificate is read each time, because it may have been renewed. While it is being replaced the one
   * before stays: without any, the process would lose its port.
   */
  #certificateOf(certFile: string, keyFile: string): Certificate {
    try {
      const read = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
      createSecureContext(read);
      this.#certificate = read;
    } catch (error) {
      if (this.#certificate === undefined) throw error;
    }
    return this.#certificate;
  }

  #connected(socket: Socket): void {
    const { connections } = this.#options;
    if (!connections.enter()) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const stopTimer = endAfter(this.#times.lifeMs, [socket]);
    socket.on('close', () => {
      stopTimer();
      this.#sockets.delete(socket);
      connections.leave();
    });
  }

  #refuse(request: IncomingMessage, response: ServerResponse): void {
    const { headers, body } = noWorker((name) => String(request.headers[name] ?? ''), this.#traceIds);
    const length = Buffer.byteLength(body);
    response.writeHead(503, { ...headers, 'content-length': length, connection: 'close' }).end(body);
  }
}

/**
 * Ends the connection behind the body. If it was closed while bytes of the client are unread, a client that
 * sends before it reads would lose the response.
 */
function dropBody(request: IncomingMessage, response: ServerResponse): void {
  keepOpen(response);
  request.resume().once('end', () => request.socket.end());
}

/** @returns a function that keeps the connections open */
function endAfter(ms: number, sockets: readonly Socket[]): () => void {
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, ms).unref();
  return () => clearTimeout(timer);
}
