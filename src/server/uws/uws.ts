// The server: takes requests from uWebSockets.js, checks their framing and hands them to the App. Either the
// primary accepts and hands sockets over by the descriptor, or it listens itself. Together with the other
// files named uws-*.ts the only code that touches the core's objects.
//
// What the core decides by itself and nobody here can change: HTTP/1.0, absolute-form and `OPTIONS *` are
// 505; a missing or repeated Host, bad field names or values and more than 100 fields get its own short page;
// an idle connection ends after about 10 s, and so does an upload slower than 16 KiB/s; a client that
// pipelines behind a request whose answer takes a turn of the loop is cut off; a field with an empty name
// hides those behind it from us (a request with a body then has no length, and its answer is deferred for
// that reason).
import type { Settings } from '../../config.js';
import { toError } from '../../telemetry/to-error.js';
import type { App } from '../app.js';
import type { TlsFiles } from '../certificate.js';
import { HeadReader } from '../framing.js';
import { expectsBody } from '../routing/methods.js';
import { TurnWatch } from '../turn-watch.js';
import { addressText } from './binary-address.js';
import { PendingInterrupt } from './pending-interrupt.js';
import { Anchor } from './uws-anchor.js';
import { type Core, type CoreApp, type CoreRequest, type CoreResponse, loadCore } from './uws-core.js';
import { type ExchangeHost, UwsExchange } from './uws-exchange.js';
import { serveWebSockets, type Upgrade } from './uws-websocket.js';

export interface UwsServerOptions {
  readonly settings: Pick<Settings, 'maxHeaderBytes' | 'maxUrlBytes' | 'streamIdleMs'>;
  /** Checked already. Default: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** MAX_CONNECTIONS. Default: all are admitted. */
  readonly gate?: ConnectionGate;
}

/** Admits connections; every one that was admitted leaves once. */
export interface ConnectionGate {
  /**
   * False: it is closed at once.
   * @param address of the client, as text
   */
  enter(address: () => string): boolean;
  leave(): void;
  /**
   * Asked for each response that would leave its connection open and may close it.
   * @returns whether it is to close it: this worker has more connections than its share
   */
  givesUp(): boolean;
}

const OPEN_GATE: ConnectionGate = { enter: () => true, leave: () => undefined, givesUp: () => false };

export interface UwsServer {
  /** For the acceptor in the primary; may be asked once. @throws Error when asked again */
  descriptor(): unknown;
  /**
   * Beside other listeners on the same port (SO_REUSEPORT), unless that is 0: any free one.
   * @returns the port @throws Error when it cannot be had
   */
  listen(port: number, host: string): Promise<number>;
  /** Accepts nothing more; connections that are there live on. May be called at any time. */
  stopListening(): void;
  /** Open sockets. */
  readonly connections: number;
  /** Answers that are not written completely, those of requests in flight included. A drain waits for 0. */
  readonly unfinished: number;
  /** A request's callback is running: everything it calls is synchronous. */
  readonly inCallback: boolean;
  /**
   * What runs is about to be broken off. A callback of the core that comes to its end before waits for that.
   */
  prepareInterrupt(): void;
  /**
   * Closes WebSockets, with 1001: their clients come back to somebody else. May be called again.
   * @returns how many they are
   */
  leaveWebSockets(): number;
  /** Closes the listener and every socket. Must have run before the thread ends. May be called twice. */
  close(): void;
}

export function createUwsServer(app: App, options: UwsServerOptions): UwsServer {
  const { settings, tls, gate = OPEN_GATE } = options;
  const core = loadCore();
  core._cfg?.('silent');
  const { log } = app.options;
  const anchor = app.webSockets().length === 0 ? undefined : new Anchor(core);
  const reader = new HeadReader(settings);
  let connections = 0;
  let listener: unknown;
  let isRefusing = false;
  let isClosed = false;
  let isDescribed = false;
  let inCallback = false;
  const end = new PendingInterrupt();
  const turns = new TurnWatch();
  const host: ExchangeHost = {
    wheel: app.wheel,
    serviceCode: app.serviceCode,
    streamIdleMs: settings.streamIdleMs,
    unfinished: 0,
    answers: 0,
    bodiless: 0,
    failed(error) {
      try {
        log.error({ err: toError(error) }, 'the HTTP core failed');
      } catch {
        // It is called in callbacks of the core, which ends the process for what is thrown into it.
      }
    },
    givesUp: () => gate.givesUp(),
    uncorked: (response, write) =>
      app.serviceCode.holdDuring(() => (anchor === undefined ? write() : anchor.within(response, write))),
  };

  /** Nothing may be thrown out of here: the core would end the process. */
  const serve = (res: CoreResponse, req: CoreRequest, upgrade: Upgrade | undefined): void => {
    inCallback = true;
    reader.start();
    req.forEach(reader.field);
    const method = req.getCaseSensitiveMethod();
    const path = req.getUrl();
    const query = req.getQuery() ?? '';
    const fault = reader.fault(method, path, query);
    const { contentLength, isChunked, hasTrailers } = reader;
    const framing = {
      contentLength,
      isChunked,
      // What is pipelined behind a request that waits for its answer is cut off by the core: no client keeps
      // the loop from turning with what one packet holds.
      isDeferred:
        turns.isLong() ||
        fault !== undefined ||
        isChunked ||
        reader.wantsClose ||
        (contentLength === -1 && expectsBody(method)),
      isLast: fault !== undefined || isChunked || reader.wantsClose,
      hasTrailers,
    };
    const { fields } = reader;
    const exchange = new UwsExchange(host, res, method, path, query, fields, framing, upgrade);
    try {
      if (fault === undefined) app.handle(exchange);
      else app.refuse(exchange, fault);
    } catch (error) {
      exchange.destroy();
      host.failed(error);
    } finally {
      exchange.leaveCallback();
      inCallback = false;
    }
    if (upgrade !== undefined) exchange.reportOpened();
    end.wait();
  };

  const left = (): void => {
    connections--;
    gate.leave();
  };
  const count = (response: Pick<CoreResponse, 'close' | 'getRemoteAddress'>, change: 1 | -1): void => {
    if (isRefusing) return; // told of the end of the one that is refused
    if (change === 1 && !gate.enter(() => addressText(new Uint8Array(response.getRemoteAddress())))) {
      isRefusing = true;
      response.close();
      isRefusing = false;
      return;
    }
    if (change === 1) connections++;
    else left();
  };
  const server = appOf(core, tls)
    .any('/*', (res, req) => serve(res, req, undefined))
    .filter(count);
  const stopListening = (): void => {
    if (listener !== undefined) core.us_listen_socket_close(listener);
    listener = undefined;
  };
  // The core counts a connection that was upgraded as open for ever.
  const webSockets = serveWebSockets(server, app, { serve, closed: left, turns, end });

  return {
    descriptor() {
      if (isDescribed) throw new Error('the descriptor may be taken once');
      isDescribed = true;
      return server.getDescriptor();
    },
    listen: (port, address) =>
      new Promise((resolve, reject) => {
        server.listen(address, port, (socket) => {
          if (!socket) return reject(new Error(`cannot listen on ${address}:${port}`));
          listener = socket;
          resolve(core.us_socket_local_port(socket));
        });
      }),
    stopListening,
    get connections() {
      return connections;
    },
    leaveWebSockets: () => webSockets.leave(),
    get inCallback() {
      return inCallback;
    },
    prepareInterrupt() {
      inCallback = false;
      end.expect();
    },
    get unfinished() {
      return host.unfinished;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      webSockets.end();
      anchor?.close();
      listener = undefined; // the core closes it with the rest
      app.serviceCode.holdDuring(() => void server.close());
    },
  };
}

function appOf(core: Core, tls: TlsFiles | undefined): CoreApp {
  if (tls === undefined) return core.App();
  return core.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
}
