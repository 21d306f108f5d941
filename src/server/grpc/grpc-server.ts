// The gRPC server of one worker: grpc-js in front of the App. It listens with a socket of its own and passes
// the connections on to the library. So they are counted and bounded as those of HTTP, and the port can be
// given up while they live on.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import type { ConnectionInjector, Server, ServerCredentials } from '@grpc/grpc-js';
import { acceptQueueEmpty } from '../../accept-queue.js';
import { bufferOf } from '../../buffer-of.js';
import type { Settings } from '../../config.js';
import type { RpcMethod } from '../../grpc/rpc-method.js';
import { lazyModule } from '../../lazy-module.js';
import type { App } from '../app.js';
import type { ConnectionGate } from '../http-core.js';
import { CallHeads } from './call-heads.js';
import { Farewells } from './farewells.js';
import { Handshakes } from './handshakes.js';
import { HealthStatus } from './health-status.js';
import { acceptFields, catchAll, handledPaths, whenSecure, whenSessionBegins } from './library-handlers.js';
import { interceptorOf } from './rpc-interceptor.js';
import { channelOptions, type GrpcTls, serverCredentials } from './server-options.js';
import { replaceStreamTable } from './stream-table.js';

export const loadGrpc = lazyModule(async () => {
  const { default: grpc } = await import('@grpc/grpc-js');
  // The library writes metadata of clients that it cannot read to stderr, one line for each.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  return grpc;
});

export interface GrpcServerOptions {
  readonly app: App;
  /** The methods that the App serves. */
  readonly methods: readonly RpcMethod[];
  readonly settings: Pick<Settings, 'maxBodyBytes' | 'maxHeaderBytes' | 'requestTimeoutMs' | 'streamIdleMs'>;
  /** Admits connections. */
  readonly gate: ConnectionGate;
  /** Undefined for plain text. */
  readonly tls?: GrpcTls;
  /**
   * Code of a service has closed the listener, so the port is lost.
   * @default ignored
   */
  listenerLost?(): void;
  /** URLs of the .proto files that reflection shows; undefined: it is off. */
  readonly reflection?: readonly URL[];
}

export class GrpcServer {
  readonly health: HealthStatus;
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #gate: ConnectionGate;
  /** Undefined without TLS. */
  readonly #handshakes: Handshakes | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #farewells = new Farewells();
  readonly #lost: () => void;
  #listener: NetServer | undefined;
  /** Looks whether the listener is open: it emits `close` only when the last connection has ended. */
  #looking: NodeJS.Timeout | undefined;
  /** Connections so far. */
  #accepted = 0;

  /** Loads the library. */
  static async create(options: GrpcServerOptions): Promise<GrpcServer> {
    const grpc = await loadGrpc();
    const { app, methods, settings, tls, reflection } = options;
    const ofLibrary = new Set<string>();
    const heads = new CallHeads();
    const server = new grpc.Server({
      ...channelOptions(settings),
      interceptors: [
        interceptorOf(grpc, { app, limits: settings, heads, isOfLibrary: (path) => ofLibrary.has(path) }),
      ],
    });
    acceptFields(server, MOST_FIELDS);
    const health = HealthStatus.on(server, [...new Set(methods.map(({ service }) => service))]);
    if (reflection !== undefined) {
      const { addReflection } = await import('./reflection.js');
      await addReflection(server, reflection);
    }
    for (const path of handledPaths(server)) ofLibrary.add(path);
    server.register(ANY_PATH, ignore, bufferOf, identity, 'bidi');
    catchAll(server, ANY_PATH);
    const handshakes = tls === undefined ? undefined : new Handshakes(app.wheel, settings.requestTimeoutMs);
    const made = new GrpcServer(server, serverCredentials(grpc, tls), health, options, handshakes);
    heads.readAll(server);
    whenSessionBegins(server, (session) => {
      made.#farewells.add(session, replaceStreamTable(session));
    });
    return made;
  }

  private constructor(
    server: Server,
    credentials: ServerCredentials,
    health: HealthStatus,
    { gate, listenerLost }: Pick<GrpcServerOptions, 'gate' | 'listenerLost'>,
    handshakes: Handshakes | undefined,
  ) {
    this.#server = server;
    this.#injector = server.createConnectionInjector(credentials);
    this.#handshakes = handshakes;
    if (handshakes !== undefined) whenSecure(server, (socket) => handshakes.done(socket));
    this.health = health;
    this.#gate = gate;
    this.#lost = listenerLost ?? ignore;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /**
   * @param port 0: any free port
   * @returns the port
   * @throws the error of Node.js, such as EADDRINUSE
   */
  async listen(port: number, host: string): Promise<number> {
    const listener = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    listener.listen({ port, host, exclusive: true });
    await once(listener, 'listening');
    // Later errors, such as a lack of file descriptors, concern one connection only.
    listener.on('error', ignore);
    this.#listener = listener;
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    return (listener.address() as AddressInfo).port;
  }

  /** Gives up the port. Open connections live on, and may be used for new calls. */
  async stopListening(withinMs?: number): Promise<void> {
    const listener = this.#listener;
    this.#forgetListener();
    if (listener === undefined) return;
    await acceptQueueEmpty(() => this.#accepted, withinMs);
    // `close` calls back when the last connection has ended; the port is free at once.
    listener.close();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /**
   * Sends GOAWAY on all connections: their clients make new calls elsewhere. Running calls go on, and a
   * connection ends with the last one.
   */
  goAway(): void {
    this.health.leave();
    this.#farewells.begin();
  }

  /** Cuts all connections. */
  close(): void {
    this.#listener?.close();
    this.#forgetListener();
    this.#server.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
  }

  #look(): void {
    if (this.#listener?.listening !== false) return;
    this.#forgetListener();
    this.#lost();
  }

  #forgetListener(): void {
    clearInterval(this.#looking);
    this.#listener = undefined;
  }

  #accept(socket: Socket): void {
    this.#accepted += 1;
    if (!this.#gate.enter(() => socket.remoteAddress ?? '')) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#gate.leave();
    });
    this.#handshakes?.begin(socket);
    this.#injector.injectConnection(socket);
  }
}

/** No call has this path. */
const ANY_PATH = '';
const LOOK_EVERY_MS = 500;
/** The most fields of a request. `maxHeaderBytes` bounds them before, unless they are next to empty. */
const MOST_FIELDS = 4_096;

const ignore = (): void => {};
const identity = (bytes: Buffer): Buffer => bytes;
