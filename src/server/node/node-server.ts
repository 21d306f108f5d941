// The HTTP server of one worker on `node:http`: the core that runs wherever Node.js does. It takes requests,
// checks their framing with the same reader as the other core, and hands them to the App.
//
// llhttp refuses what it cannot parse by itself, and reports only that: such a request gets a problem
// document, and its connection is closed.
import { readFileSync } from 'node:fs';
import { createServer, IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError } from '../../errors.js';
import { listenAt } from '../../node-http.js';
import type { App } from '../app.js';
import type { TlsFiles } from '../certificate.js';
import { EnteredStores } from '../entered-stores.js';
import { failureLog } from '../failure-log.js';
import { HeadReader } from '../framing.js';
import { type HttpServer, type HttpServerOptions, OPEN_GATE, UNCOUNTED } from '../http-core.js';
import { PendingInterrupt } from '../pending-interrupt.js';
import { RequestHead } from '../request-head.js';
import { methodUnknown } from '../routing/methods.js';
import { ServerRefusal } from '../server-refusal.js';
import { TurnWatch } from '../turn-watch.js';
import { type Guard, guardOf } from './guarded.js';
import { isStopped, NodeConnection, type Waiting } from './node-connection.js';
import { ResponseDate } from './node-date.js';
import { NodeExchange } from './node-exchange.js';
import type { NodeExchangeHost } from './node-exchange-host.js';
import { pathOf, readHead } from './node-head.js';
import { losesNext, messageClass } from './node-message.js';
import { reportFlood } from './node-pieces.js';
import { OwnResponse } from './node-response.js';
import { NodeSockets } from './node-sockets.js';
import { UpgradingSocket } from './node-upgrading.js';
import { NodeWebSockets } from './node-websockets.js';

/** An idle connection, and one that has not sent the whole head of a request by then, is closed. */
const IDLE_MS = 10_000;
/** Connections are looked at this often for that. */
const LOOK_MS = 1000;
/** Time between two lines of the log about connections that could not be accepted. */
const QUIET_MS = 10_000;

const CONNECTION = Symbol('connection');
type OwnedSocket = Duplex & { [CONNECTION]?: NodeConnection };

export class NodeServer implements HttpServer {
  readonly #app: App;
  readonly #server: OwnServer;
  readonly #closeServer: () => void;
  readonly #reader: HeadReader;
  readonly #host: NodeExchangeHost;
  readonly #guard: Guard;
  readonly #webSockets: NodeWebSockets;
  readonly #turns = new TurnWatch();
  readonly #stores = new EnteredStores();
  readonly #sockets: NodeSockets;
  /** Those of the sockets that have sent a request. */
  readonly #connections = new Set<NodeConnection>();
  readonly #stopLooking: () => void;
  readonly #mostHeadBytes: number;
  #quietUntil = 0;
  /** The socket from which a body was parsed last in this turn. */
  #parsed: Socket | undefined;
  #inCallback = false;
  #isClosed = false;

  constructor(app: App, { settings, tls, gate = OPEN_GATE, abandonedBodies = UNCOUNTED }: HttpServerOptions) {
    this.#app = app;
    this.#reader = new HeadReader(settings, (head) => app.servesOther(head));
    const failed = failureLog(app.options);
    this.#guard = guardOf(failed);
    this.#webSockets = new NodeWebSockets(app, { stores: this.#stores, turns: this.#turns, failed });
    this.#host = {
      wheel: app.wheel,
      streamIdleMs: settings.streamIdleMs,
      abandonedBodies,
      unfinished: 0,
      parsing: undefined,
      interrupt: new PendingInterrupt(),
      stores: this.#stores,
      date: new ResponseDate(),
      withinParser: (connection, run) => this.#withinParser(connection, run),
      failed,
      guard: this.#guard,
      givesUp: () => gate.givesUp(),
      accept: (socket, head, acceptance) => this.#webSockets.accept(socket, head, acceptance),
    };
    // The reader refuses a head that is slightly too large, and names the limit. The parser refuses a larger
    // one: the response is the same problem (431) without the limit, and the connection ends.
    this.#mostHeadBytes = 2 * (settings.maxHeaderBytes + settings.maxUrlBytes);
    this.#server = serverOf(tls, {
      IncomingMessage: messageClass({
        mayOpen: this.#guard((request) => this.#mayOpen(request), socketOf),
        arrives: ({ socket }) => {
          this.#arrives(socket);
          (socket as OwnedSocket)[CONNECTION]?.pieceArrived();
        },
      }),
      maxHeaderSize: this.#mostHeadBytes,
      insecureHTTPParser: false,
      requireHostHeader: false, // the reader requires exactly one
      ServerResponse: OwnResponse,
      keepAliveTimeout: 0, // a timer for each response costs more than a look at all connections now and then
      headersTimeout: IDLE_MS,
      requestTimeout: 0, // bodies have bounds of their own
      connectionsCheckingInterval: LOOK_MS,
      noDelay: true,
    });
    this.#closeServer = onlyOwnClose(this.#server, failed);
    this.#sockets = new NodeSockets(this.#server, { gate, guard: this.#guard, isSecure: tls !== undefined });
    this.#listen();
    const look = this.#guard(
      (connection: NodeConnection, at: number) => this.#look(connection, at),
      ({ socket }) => socket,
    );
    this.#stopLooking = everySoOften(LOOK_MS, (at) => {
      for (const connection of this.#connections) look(connection, at);
      this.#sockets.look();
    });
  }

  /** Ends idle connections, and releases those whose listeners a mounted application has removed. */
  #look(connection: NodeConnection, at: number): void {
    if (connection.socket.destroyed) this.#ended(connection);
    else if (!this.#sockets.isHeld(connection.socket) && connection.isIdle(at, IDLE_MS, this.#mostHeadBytes))
      connection.socket.destroy();
  }

  #listen(): void {
    const server = this.#server;
    const guard = this.#guard;
    const arrived = (expectsContinue: boolean) =>
      guard(
        (request: IncomingMessage, response: OwnResponse) =>
          this.#arrived(request, response, expectsContinue),
        socketOf,
      );
    const connected = (socket: Socket): void => this.#sockets.accept(socket);
    const left = (request: IncomingMessage, socket: Duplex, head: Buffer): void =>
      this.#leftHttp(request, socket, head);
    const failed = (error: NodeJS.ErrnoException, socket: Duplex): void => this.#failed(error, socket);
    // Before the listener of Node.js, which begins to read.
    server.prependListener(
      'connection',
      guard(connected, (socket) => socket),
    );
    server.on('request', arrived(false));
    server.on('checkContinue', arrived(true));
    // An expectation that is not known is none that has to be met (RFC 9110 section 10.1.1 permits 417).
    server.on('checkExpectation', arrived(false));
    server.on('upgrade', guard(left, socketOf));
    server.on(
      'clientError',
      guard(failed, (_error, socket) => socket),
    );
    server.on('error', (error) => this.#acceptFailed(error));
    // A handshake of TLS that fails concerns only its client.
    server.on('tlsClientError', (_error: Error, socket: Duplex) => void socket.destroy());
  }

  /** @throws Error when the server cannot listen */
  listen(port: number, host: string, isShared = false): Promise<number> {
    return listenAt(this.#server, { host, port, isShared });
  }

  /** A connection could not be accepted, as happens to any number of them when no file can be opened. */
  #acceptFailed(error: Error): void {
    const now = performance.now();
    if (!this.#server.listening || now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET_MS;
    this.#host.failed(error);
  }

  stopListening(withinMs?: number): Promise<void> {
    const open = [...this.#connections].map(({ socket }) => socket);
    return this.#sockets.stopListening(open, withinMs);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get unfinished(): number {
    return this.#host.unfinished;
  }

  get inCallback(): boolean {
    return this.#inCallback;
  }

  prepareInterrupt(): void {
    const host = this.#host;
    this.#inCallback = false;
    (host.parsing ?? this.#takeParsed())?.breakOff();
    host.parsing = undefined;
    host.interrupt.expect();
  }

  exceptionThrown(): void {
    const connection = this.#takeParsed();
    connection?.broken(new HttpError('INTERNAL', 'The service has failed while the body arrived.'));
    connection?.endUnlessBusy();
  }

  /** A piece of a body is parsed. */
  #arrives(socket: Socket): void {
    if (this.#parsed === undefined) setImmediate(() => (this.#parsed = undefined));
    this.#parsed = socket;
  }

  /**
   * The connection whose body was parsed last in this turn. Behind a piece of a body, Node.js runs the ticks
   * that are due within the callback of the parser: with an exception in one of them the parser fails, and
   * refuses the rest of the body and the next request.
   */
  #takeParsed(): NodeConnection | undefined {
    const socket = this.#parsed;
    this.#parsed = undefined;
    return socket === undefined || socket.destroyed ? undefined : this.#connectionOf(socket);
  }

  leaveWebSockets(): number {
    return this.#webSockets.leave();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopLooking();
    this.#webSockets.end();
    this.#closeServer();
    // Node.js reports the end of a socket a moment later, when the thread may have ended.
    this.#app.serviceCode.holdDuring(() => {
      for (const connection of this.#connections) connection.closed();
    });
    this.#sockets.close();
  }

  /** The connection of a socket: with TLS the one that has the text, not the one of the kernel. */
  #connectionOf(socket: Socket): NodeConnection {
    const known = (socket as OwnedSocket)[CONNECTION];
    if (known !== undefined) return known;
    const serve = (connection: NodeConnection, waiting: Waiting): void => {
      const { request, response, expectsContinue, arrivedAt } = waiting;
      this.#serve(connection, request, response, expectsContinue, undefined, arrivedAt);
      reportFlood(request);
    };
    const made = new NodeConnection(
      socket,
      this.#guard(serve, ({ socket }) => socket),
      (run) => this.#stores.later(run),
    );
    (socket as OwnedSocket)[CONNECTION] = made;
    this.#connections.add(made);
    this.#sockets.hasHead(socket);
    this.#sockets.onClose(socket, () => this.#ended(made));
    return made;
  }

  #ended(connection: NodeConnection): void {
    this.#connections.delete(connection);
    if (!this.#app.serviceCode.isHeld) this.#stores.leave();
    connection.closed();
  }

  #arrived(request: IncomingMessage, response: OwnResponse, expectsContinue: boolean): void {
    const connection = this.#connectionOf(request.socket);
    connection.hasServed = true;
    connection.settle();
    // In a long turn requests wait, so no client keeps the loop busy with the contents of one packet.
    if (connection.isBusy || this.#turns.isLong()) connection.wait({ request, response, expectsContinue });
    else this.#serve(connection, request, response, expectsContinue, undefined);
  }

  #serve(
    connection: NodeConnection,
    request: IncomingMessage,
    response: OwnResponse,
    expectsContinue: boolean,
    upgrading: UpgradingSocket | undefined,
    arrivedAt?: number,
  ): void {
    const reader = this.#reader;
    const host = this.#host;
    this.#inCallback = true;
    host.parsing = connection;
    this.#stores.leave();
    const fault = readHead(reader, request);
    const { head, wantsClose } = reader;
    const isLast =
      fault !== undefined ||
      head.isChunked ||
      wantsClose ||
      upgrading !== undefined ||
      losesNext(request) ||
      !response.shouldKeepAlive ||
      request.httpVersionMinor === 0;
    // Where a body ends is doubtful in a malformed request, so nothing is read for one.
    if (fault?.code === 'MALFORMED_REQUEST') head.forgetBody();
    if (isLast) connection.isLast = true;
    // Without a body nothing of the client waits for it, and the connection can stay.
    const hasNoBody = !head.isChunked && head.contentLength <= 0;
    if (expectsContinue && hasNoBody && !isLast) response.writeContinue();
    const exchange = new NodeExchange(host, {
      head,
      request,
      response,
      connection,
      isLast,
      expectsContinue: expectsContinue && !hasNoBody,
      upgrading,
      arrivedAt,
    });
    try {
      if (fault === undefined) this.#app.handle(exchange);
      else this.#app.refuse(exchange, fault);
    } catch (error) {
      exchange.destroy();
      this.#host.failed(error);
    } finally {
      exchange.leaveCallback();
      this.#inCallback = false;
      host.parsing = undefined;
    }
    if (upgrading !== undefined) exchange.reportOpened();
    host.interrupt.wait();
  }

  #withinParser(connection: NodeConnection, run: () => void): void {
    const host = this.#host;
    // A framework may have replaced the class of the request, which reports it otherwise.
    this.#arrives(connection.socket);
    this.#stores.leave();
    host.parsing = connection;
    run();
    host.parsing = undefined;
    host.interrupt.wait();
  }

  /** The request finds a WebSocket, on a connection of its own. */
  #mayOpen({ url = '', socket }: IncomingMessage): boolean {
    const connection = this.#connectionOf(socket);
    connection.settle();
    return connection.isFree && this.#app.webSocketAt(pathOf(url)) !== undefined;
  }

  /** A request for a WebSocket: Node.js does not read its socket any more. */
  #leftHttp(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (socket.destroyed) return;
    const connection = this.#connectionOf(request.socket);
    this.#connections.delete(connection); // a WebSocket that is idle has times of its own
    const response = this.#bareResponse(request, connection);
    this.#serve(connection, request, response, false, new UpgradingSocket(socket, head));
  }

  /** A response on a socket that Node.js does not look after any more. */
  #bareResponse(request: IncomingMessage, { socket }: NodeConnection): OwnResponse {
    const response = new OwnResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => {
      response.detachSocket(socket);
      socket.destroySoon(); // which may be that of the connection
    });
    return response;
  }

  /** What arrives cannot be parsed, or does not arrive in time, or the connection is broken. */
  #failed(error: NodeJS.ErrnoException, socket: Duplex): void {
    // What follows is dropped.
    const known = (socket as OwnedSocket)[CONNECTION];
    if (known?.isBroken === true) return;
    known?.settle();
    if (known !== undefined && isStopped(error)) {
      const isOver = !known.isBusy;
      known.stopped();
      if (isOver) known.end();
      return;
    }
    const fault = faultOf(error);
    if (fault === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    const connection = this.#connectionOf(socket as Socket);
    const hasEnded = connection.isLast && !connection.isBusy;
    const isRequest = !connection.isLast && !connection.isBusy;
    connection.broken(fault);
    if (hasEnded) connection.end();
    // The response before this one may not have left the socket yet.
    if (isRequest) setImmediate(() => this.#refuse(connection, fault));
  }

  /** The parser has made no request of what it refuses, so an empty one stands for it. */
  #refuse(connection: NodeConnection, fault: HttpError): void {
    const { socket } = connection;
    const request = new IncomingMessage(socket);
    let response: OwnResponse;
    try {
      response = this.#bareResponse(request, connection);
    } catch {
      // The client does not take the response before this one.
      socket.destroy();
      return;
    }
    const head = new RequestHead('', '', '', false);
    const exchange = new NodeExchange(this.#host, { ...LAST, head, request, response, connection });
    try {
      this.#app.refuse(exchange, fault);
    } catch (error) {
      exchange.destroy();
      this.#host.failed(error);
    }
    exchange.leaveCallback();
  }
}

/** The client has ended the connection in the middle of a request: it has left. */
const ENDED_WITHIN = 'HPE_INVALID_EOF_STATE';
/** Code that the parser has called has thrown: see `exceptionThrown`. */
const CODE_FAILED = 'HPE_JS_EXCEPTION';

const socketOf = ({ socket }: IncomingMessage): Socket => socket;

const LAST = { isLast: true, expectsContinue: false, upgrading: undefined, arrivedAt: undefined } as const;

/** @returns the refusal of what the client has sent; undefined when it cannot get one */
function faultOf({ code = '' }: NodeJS.ErrnoException): HttpError | undefined {
  if (code === ENDED_WITHIN || code === CODE_FAILED) return undefined;
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ServerRefusal('HEADERS_TOO_LARGE', 'The head of the request is too large.');
  if (code === 'HPE_INVALID_METHOD') return methodUnknown();
  if (code.startsWith('HPE_'))
    return new ServerRefusal('MALFORMED_REQUEST', 'The request cannot be parsed as HTTP/1.1.');
  return undefined;
}

type OwnOptions = ServerOptions<typeof IncomingMessage, typeof OwnResponse>;
type OwnServer = Server<typeof IncomingMessage, typeof OwnResponse>;

function serverOf(tls: TlsFiles | undefined, options: OwnOptions): OwnServer {
  if (tls === undefined) return createServer(options);
  const [cert, key] = [readFileSync(tls.certFile), readFileSync(tls.keyFile)];
  return createTlsServer({ ...options, cert, key, ALPNProtocols: ['http/1.1'], handshakeTimeout: IDLE_MS });
}

/**
 * Applications reach the server as a member of their sockets, and it is not theirs to close.
 * @returns a function that closes it
 */
function onlyOwnClose(server: OwnServer, failed: (error: Error) => void): () => void {
  const close = server.close.bind(server);
  server.close = () => {
    failed(
      new Error('a mounted application has called close() of the server, which stays open: remove the call'),
    );
    return server;
  };
  return () => void close();
}

/**
 * Calls back now and then, with a time such that everything which had arrived by then has been read: timers
 * run before the sockets in a turn of the event loop. @returns a function that stops it
 */
function everySoOften(ms: number, look: (at: number) => void): () => void {
  const timer = setInterval(() => {
    const at = performance.now();
    setImmediate(() => queueMicrotask(() => look(at)));
  }, ms).unref();
  return () => clearInterval(timer);
}
