// The server: takes requests from uWebSockets.js, checks their framing and hands them to the App. In a worker
// it never listens: the primary accepts and hands sockets over by the descriptor. Together with the
// other files named uws-*.ts the only code that touches the core's objects.
//
// What the core decides by itself and nobody here can change: HTTP/1.0, absolute-form and `OPTIONS *` are 505;
// a missing or repeated Host, bad field names or values and more than 100 fields get its own short page; an
// idle connection ends after about 10 s, and so does an upload slower than 16 KiB/s; a client that pipelines
// behind a request whose answer takes a turn of the loop is cut off; a field with an empty name hides those
// behind it from us (a request with a body then has no length, and its answer is deferred for that reason).
import type { Settings } from '../config.js';
import type { App } from './app.js';
import { describeThrown } from './failure.js';
import { HeadReader } from './framing.js';
import { expectsBody } from './methods.js';
import { type CoreRequest, type CoreResponse, loadCore } from './uws-core.js';
import { type ExchangeHost, UwsExchange } from './uws-exchange.js';
import { serveWebSockets, type Upgrade } from './uws-websocket.js';

export interface UwsServerOptions {
  readonly settings: Pick<Settings, 'maxHeaderBytes' | 'maxUrlBytes' | 'streamIdleMs'>;
  /** Told of every connection that opens (1) or closes (-1). */
  readonly connected?: (change: 1 | -1) => void;
}

export interface UwsServer {
  /** For the acceptor in the primary; may be asked once. @throws Error when asked again */
  descriptor(): unknown;
  /** For tests and single-threaded use. @returns the port @throws Error when it cannot be had */
  listen(port: number, host: string): Promise<number>;
  /** Open sockets. */
  readonly connections: number;
  /** Answers that are not written completely, those of requests in flight included. A drain waits for 0. */
  readonly unfinished: number;
  /** A request's callback is running: everything it calls is synchronous. */
  readonly inCallback: boolean;
  /** Closes WebSockets, with 1001: their clients come back to somebody else. May be called again. */
  leaveWebSockets(): void;
  /** Closes the listener and every socket. Must have run before the thread ends. May be called twice. */
  close(): void;
}

export function createUwsServer(app: App, { settings, connected }: UwsServerOptions): UwsServer {
  const core = loadCore();
  core._cfg?.('silent');
  const { log } = app.options;
  const reader = new HeadReader(settings);
  let connections = 0;
  let isClosed = false;
  let isDescribed = false;
  let inCallback = false;
  const host: ExchangeHost = {
    wheel: app.wheel,
    streamIdleMs: settings.streamIdleMs,
    unfinished: 0,
    answers: 0,
    failed: (error) => log.error({ err: describeThrown(error) }, 'the HTTP core failed'),
  };

  /** Nothing may be thrown out of here: the core would end the process. */
  const serve = (res: CoreResponse, req: CoreRequest, upgrade: Upgrade | undefined): void => {
    reader.start();
    req.forEach(reader.field);
    const method = req.getCaseSensitiveMethod();
    const path = req.getUrl();
    const query = req.getQuery() ?? '';
    const fault = reader.fault(method, path, query);
    const { contentLength, isChunked } = reader;
    const framing = {
      contentLength,
      isChunked,
      isDeferred: fault !== undefined || isChunked || (contentLength === -1 && expectsBody(method)),
      isLast: fault !== undefined || isChunked || reader.wantsClose,
    };
    const { fields } = reader;
    const exchange = new UwsExchange(host, res, method, path, query, fields, framing, upgrade);
    inCallback = true;
    try {
      if (fault === undefined) app.handle(exchange);
      else app.refuse(exchange, fault);
    } catch (error) {
      host.failed(error);
      exchange.destroy();
    }
    inCallback = false;
    exchange.leaveCallback();
    if (upgrade !== undefined) exchange.reportOpened();
  };

  const count = (_response: unknown, change: 1 | -1): void => {
    connections += change;
    connected?.(change);
  };
  const server = core
    .App()
    .any('/*', (res, req) => serve(res, req, undefined))
    .filter(count);
  // The core counts a connection that was upgraded as open for ever.
  const webSockets = serveWebSockets(server, app, serve, () => count(undefined, -1));

  return {
    descriptor() {
      if (isDescribed) throw new Error('the descriptor may be taken once');
      isDescribed = true;
      return server.getDescriptor();
    },
    listen: (port, address) =>
      new Promise((resolve, reject) => {
        server.listen(address, port, (socket) => {
          if (socket) resolve(core.us_socket_local_port(socket));
          else reject(new Error(`cannot listen on ${address}:${port}`));
        });
      }),
    get connections() {
      return connections;
    },
    leaveWebSockets: () => webSockets.leave(),
    get inCallback() {
      return inCallback;
    },
    get unfinished() {
      return host.unfinished;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      webSockets.end();
      server.close();
    },
  };
}
