// Accepts every connection of the data plane and hands its socket to a worker, round-robin in the core.
// A worker's descriptor is a raw pointer: one left here after its thread has ended is a segfault at the next
// connection, so `remove` always comes before a worker may close (docs/cluster.md).
import uWS from 'uWebSockets.js';
import { ERROR_TABLE, StartError } from '../errors.js';

const NO_WORKER = JSON.stringify({
  type: 'urn:multilane:problem:no-worker',
  title: ERROR_TABLE.NO_WORKER.title,
  status: ERROR_TABLE.NO_WORKER.status,
  detail: 'No worker is serving right now.',
  code: 'NO_WORKER',
});

/** What the published types leave out. */
interface AcceptingApp {
  listen(
    host: string,
    port: number,
    options: number,
    listening: (socket: uWS.us_listen_socket | false) => void,
  ): void;
  addChildAppDescriptor(descriptor: unknown): void;
  removeChildAppDescriptor(descriptor: unknown): void;
}

/** LIBUS_LISTEN_* */
const [SHARED, EXCLUSIVE] = [0, 1];

export interface AcceptorOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** False lets another process listen on the same port beside us (SO_REUSEPORT): zero-downtime take-over. */
  readonly exclusive: boolean;
}

export class Acceptor {
  readonly port: number;
  readonly #app: uWS.TemplatedApp;
  readonly #children = new Set<unknown>();
  #listening: uWS.us_listen_socket | undefined;
  #refused = 0;

  /** @throws StartError when the address cannot be listened on */
  constructor(options: AcceptorOptions) {
    this.#app = uWS.App();
    // Connections that find no child land here: not executed, may be repeated.
    this.#app.any('/*', (res) => {
      this.#refused++;
      res
        .writeStatus('503 Service Unavailable')
        .writeHeader('content-type', 'application/problem+json')
        .writeHeader('retry-after', '1')
        .writeHeader('x-request-id', `primary-${this.#refused}`)
        .end(NO_WORKER, true);
    });
    let socket: uWS.us_listen_socket | false = false;
    this.#core.listen(options.host, options.port, options.exclusive ? EXCLUSIVE : SHARED, (result) => {
      socket = result;
    });
    if (!socket) {
      throw new StartError(
        `cannot listen on ${options.host}:${options.port} (data plane): the port is taken, or the address is not of this host or not permitted`,
      );
    }
    this.#listening = socket;
    this.port = uWS.us_socket_local_port(socket);
  }

  add(descriptor: unknown): void {
    this.#children.add(descriptor);
    this.#core.addChildAppDescriptor(descriptor);
  }

  /** Idempotent. After it no new connection goes to this worker. */
  remove(descriptor: unknown): void {
    if (this.#children.delete(descriptor)) this.#core.removeChildAppDescriptor(descriptor);
  }

  /** New connections are refused from here on; those that exist live on in their workers. */
  stopListening(): void {
    if (this.#listening !== undefined) uWS.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  close(): void {
    this.stopListening();
    this.#app.close();
  }

  get #core(): AcceptingApp {
    return this.#app as unknown as AcceptingApp;
  }
}
