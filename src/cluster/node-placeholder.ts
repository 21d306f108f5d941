// The primary's listener on `node:http`, for workers that listen themselves: it rejects requests while none
// of them does.
import { readFileSync } from 'node:fs';
import { createServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type Server as HttpsServer } from 'node:https';
import { TraceIds } from '../telemetry/trace-ids.js';
import { listenAt } from './node-listen.js';
import {
  cannotListen,
  type ListenMode,
  noWorker,
  type PlaceholderListener,
  type PlaceholderOptions,
} from './placeholder-listener.js';

export class NodePlaceholder implements PlaceholderListener {
  readonly #options: PlaceholderOptions;
  /** The one that listens, or is about to. */
  #server: HttpServer | HttpsServer | undefined;
  /** Stopped servers whose last connections are still open. */
  readonly #stopped = new Set<HttpServer | HttpsServer>();
  readonly #traceIds = new TraceIds();

  constructor(options: PlaceholderOptions) {
    this.#options = options;
  }

  async listen(port: number, mode: ListenMode): Promise<number> {
    const { host } = this.#options;
    const server = this.#createServer();
    this.#server = server;
    try {
      return await listenAt(server, { host, port, isShared: mode === 'shared' });
    } catch {
      if (this.#server === server) this.#server = undefined;
      throw cannotListen(host, port);
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
    this.#stopped.add(server);
    server.close(() => this.#stopped.delete(server));
  }

  close(): void {
    this.stopListening();
    for (const server of this.#stopped) server.closeAllConnections();
  }

  /** The certificate is read each time, because it may have been renewed. */
  #createServer(): HttpServer | HttpsServer {
    const { tlsCertFile, tlsKeyFile } = this.#options;
    if (tlsCertFile === undefined || tlsKeyFile === undefined) return createServer(this.#refuse);
    return createTlsServer({ cert: readFileSync(tlsCertFile), key: readFileSync(tlsKeyFile) }, this.#refuse);
  }

  readonly #refuse: RequestListener = (request, response) => {
    const { headers, body } = noWorker((name) => String(request.headers[name] ?? ''), this.#traceIds);
    response.writeHead(503, { ...headers, connection: 'close' }).end(body);
  };
}
