// The HTTP server of one worker on uWebSockets.js (the core): takes its requests, checks their framing and
// hands them to the App. Either the primary accepts connections and hands them over by the descriptor, or the
// server listens itself. Only the files named uws-*.ts touch objects of the core.
//
// The core decides these by itself: HTTP/1.0, absolute-form and `OPTIONS *` get 505; a missing or repeated
// Host, bad field names or values and more than 98 fields get a short page of its own; an idle connection
// ends after about 10 s, and so does an upload slower than 16 KiB/s; a connection is closed when the client
// has pipelined another request before the response to the last one was complete. A field with an empty name
// hides the fields that follow it, so a request with a body may arrive without a length; its response is
// deferred for that reason.
import { acceptQueueEmpty } from '../../accept-queue.js';
import type { Settings } from '../../config.js';
import type { Counter } from '../../memory/metrics/recorder.js';
import type { App } from '../app.js';
import type { TlsFiles } from '../certificate.js';
import { EnteredStores } from '../entered-stores.js';
import { failureLog } from '../failure-log.js';
import { HeadReader } from '../framing.js';
import {
  type ConnectionGate,
  type HttpServer,
  type HttpServerOptions,
  OPEN_GATE,
  UNCOUNTED,
} from '../http-core.js';
import type { StaticRoute } from '../mounted-routes.js';
import { PendingInterrupt } from '../pending-interrupt.js';
import { expectsBody, uniqueMethod } from '../routing/methods.js';
import { TurnWatch } from '../turn-watch.js';
import { BodilessWatch } from './bodiless-watch.js';
import { Anchor } from './uws-anchor.js';
import { UwsConnections } from './uws-connections.js';
import { type Core, type CoreApp, type CoreRequest, type CoreResponse, loadCore } from './uws-core.js';
import { UwsExchange } from './uws-exchange.js';
import type { ExchangeHost } from './uws-exchange-host.js';
import { serveWebSockets, type Upgrade, type WebSockets } from './uws-websockets.js';

/**
 * The largest number of routes that the core finds by itself. It compares a path with one after the other, so
 * more of them would cost other requests more than they save.
 */
export const STATIC_ROUTES = 32;

/** The core compares no more segments of a path than this, and takes what follows for equal. */
const CORE_SEGMENTS = 100;

/** The functions of the core that add a route of a method. */
const ADDERS = new Map([
  ['GET', 'get'],
  ['POST', 'post'],
  ['PUT', 'put'],
  ['PATCH', 'patch'],
  ['DELETE', 'del'],
] as const) as ReadonlyMap<string, 'get' | 'post' | 'put' | 'patch' | 'del'>;

export class UwsServer implements HttpServer {
  readonly #app: App;
  readonly #core: Core;
  readonly #server: CoreApp;
  readonly #reader: HeadReader;
  readonly #host: ExchangeHost;
  readonly #connections: UwsConnections;
  readonly #webSockets: WebSockets;
  /** Undefined for an App without WebSockets. */
  readonly #anchor: Anchor | undefined;
  readonly #interrupt = new PendingInterrupt();
  readonly #turns = new TurnWatch();
  readonly #stores = new EnteredStores();
  #listener: unknown;
  #inCallback = false;
  #isDescribed = false;
  #isClosed = false;

  constructor(app: App, { settings, tls, gate = OPEN_GATE, abandonedBodies = UNCOUNTED }: HttpServerOptions) {
    const core = loadCore();
    core._cfg?.('silent');
    const anchor = app.webSockets().length === 0 ? undefined : new Anchor(core);
    this.#app = app;
    this.#core = core;
    this.#anchor = anchor;
    this.#reader = new HeadReader(settings, (head) => app.servesOther(head));
    this.#host = hostOf(app, settings, gate, anchor, this.#stores, this.#interrupt, abandonedBodies);
    this.#connections = new UwsConnections(gate);
    this.#server = appOf(core, tls)
      .any('/*', (res, req) => this.#serve(res, req, undefined, undefined))
      .filter(this.#connections.changed);
    for (const route of app.staticRoutes().filter(isForCore).slice(0, STATIC_ROUTES)) this.#addStatic(route);
    this.#webSockets = serveWebSockets(this.#server, app, {
      serve: (res, req, upgrade) => this.#serve(res, req, undefined, upgrade),
      closed: () => this.#connections.closed(),
      stores: this.#stores,
      turns: this.#turns,
      interrupt: this.#interrupt,
    });
  }

  /** The descriptor for the acceptor in the primary. @throws Error when it is taken a second time */
  descriptor(): unknown {
    if (this.#isDescribed) throw new Error('the descriptor may be taken once');
    this.#isDescribed = true;
    return this.#server.getDescriptor();
  }

  /**
   * Listens beside other listeners on the same port (SO_REUSEPORT). Port 0 means any free port.
   * @returns the port @throws Error when the server cannot listen on it
   */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.listen(host, port, (socket) => {
        if (!socket) return reject(new Error(`cannot listen on ${host}:${port}`));
        this.#listener = socket;
        resolve(this.#core.us_socket_local_port(socket));
      });
    });
  }

  /** Accepts what waits, and closes the listener; open connections stay. May be called at any time. */
  async stopListening(withinMs?: number): Promise<void> {
    if (this.#listener === undefined) return;
    // The core accepts all that waits in each turn.
    await acceptQueueEmpty(undefined, withinMs);
    if (this.#listener !== undefined) this.#core.us_listen_socket_close(this.#listener);
    this.#listener = undefined;
  }

  /** Number of open sockets. */
  get connections(): number {
    return this.#connections.open;
  }

  /** Number of responses that are not complete, those of requests in flight included. A drain waits for 0. */
  get unfinished(): number {
    return this.#host.unfinished;
  }

  /** The callback of a request is running: everything that it calls is synchronous. */
  get inCallback(): boolean {
    return this.#inCallback;
  }

  /**
   * Call when the running code is about to be interrupted. The running callback of the core then waits for
   * the interruption before it returns.
   */
  prepareInterrupt(): void {
    this.#inCallback = false;
    this.#host.passing = undefined;
    this.#interrupt.expect();
  }

  /** Nothing of the core is between its callbacks and the code that is called later. */
  exceptionThrown(): void {}

  /**
   * Closes all WebSockets with 1001, so that their clients reconnect to another worker. May be called again.
   * @returns how many they are
   */
  leaveWebSockets(): number {
    return this.#webSockets.leave();
  }

  /** Closes the listener and every socket. Must have run before the thread ends; may be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#webSockets.end();
    this.#anchor?.close();
    this.#listener = undefined; // the core closes it with the rest
    this.#app.serviceCode.holdDuring(() => void this.#server.close());
  }

  /** Adds a route that the core finds by itself, so that neither method nor path are read. */
  #addStatic(route: StaticRoute): void {
    const add = ADDERS.get(route.method);
    if (add === undefined) return;
    this.#server[add](route.path, (res, req) => this.#serve(res, req, route, undefined));
  }

  /** Serves one request. Nothing may be thrown out of here, because the core would end the process. */
  #serve(
    res: CoreResponse,
    req: CoreRequest,
    route: StaticRoute | undefined,
    upgrade: Upgrade | undefined,
  ): void {
    const reader = this.#reader;
    this.#inCallback = true;
    this.#stores.leave();
    const method = route === undefined ? uniqueMethod(req.getCaseSensitiveMethod()) : route.method;
    const path = route === undefined ? req.getUrl() : route.path;
    reader.start(method, path, req.getQuery() ?? '');
    req.forEach(reader.field);
    const fault = reader.fault();
    const { head, hasTrailers, wantsClose } = reader;
    const isLast = fault !== undefined || head.isChunked || wantsClose;
    // Where a body ends is doubtful in a malformed request, so its connection is cut at once.
    if (fault?.code === 'MALFORMED_REQUEST') head.forgetBody();
    // In a long turn responses are deferred, so the core closes a connection on which more requests have been
    // pipelined. So no client keeps the event loop busy with the contents of one packet.
    const isDeferred =
      this.#turns.isLong() || isLast || (head.contentLength === -1 && expectsBody(head.method));
    const exchange = new UwsExchange(
      this.#host,
      res,
      head,
      isLast,
      isDeferred && !hasTrailers,
      hasTrailers,
      upgrade,
    );
    try {
      if (fault === undefined) this.#app.handle(exchange, route?.match);
      else this.#app.refuse(exchange, fault);
    } catch (error) {
      exchange.destroy();
      this.#host.failed(error);
    } finally {
      exchange.leaveCallback();
      this.#inCallback = false;
    }
    if (upgrade !== undefined) exchange.reportOpened();
    this.#interrupt.wait();
  }
}

const isForCore = ({ method, path }: StaticRoute): boolean =>
  ADDERS.has(method) && path.split('/').length <= CORE_SEGMENTS;

function hostOf(
  { wheel, serviceCode, options }: App,
  { streamIdleMs }: Pick<Settings, 'streamIdleMs'>,
  gate: ConnectionGate,
  anchor: Anchor | undefined,
  stores: EnteredStores,
  interrupt: PendingInterrupt,
  abandonedBodies: Pick<Counter, 'add'>,
): ExchangeHost {
  return {
    wheel,
    serviceCode,
    streamIdleMs,
    abandonedBodies,
    unfinished: 0,
    smallResponses: 0,
    bodiless: new BodilessWatch(),
    passing: undefined,
    stores,
    interrupt,
    failed: failureLog(options),
    givesUp: () => gate.givesUp(),
    uncorked: (response, write) =>
      serviceCode.holdDuring(() => (anchor === undefined ? write() : anchor.within(response, write))),
  };
}

function appOf(core: Core, tls: TlsFiles | undefined): CoreApp {
  if (tls === undefined) return core.App();
  return core.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
}
