// The listener of the primary on the data plane. It hands accepted sockets to the workers that were added,
// and rejects requests with 503 NO_WORKER while there are none. This is the only file of the module that uses
// uWebSockets.js.
//
// A worker's descriptor is a raw pointer. If it stayed here after its thread has ended, the next connection
// would be a segfault, so `removeChild` is always called before a worker may close its app (docs/cluster.md).
import uWS from 'uWebSockets.js';
import { setImmediate as turn } from 'node:timers/promises';
import type { Settings } from '../config.js';
import { StartError, UnavailableError } from '../errors.js';
import { problemOf } from '../problem.js';
import { parseTraceparent } from '../telemetry/propagation.js';
import { requestIdOf } from '../telemetry/request-ids.js';
import { TraceIds } from '../telemetry/trace-ids.js';
import { listenFailure } from './listen-failure.js';

const NO_WORKER = new UnavailableError('NO_WORKER', 'No worker is serving right now.');

/** The methods that the published types omit. */
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

/**
 * The LIBUS_LISTEN_* options of the HTTP core. With `shared`, other listeners with SO_REUSEPORT may use the
 * same port.
 */
const OPTIONS = { shared: 0, exclusive: 1 } as const;

export type PlaceholderOptions = Pick<Settings, 'host' | 'tlsCertFile' | 'tlsKeyFile'>;

export class PlaceholderListener {
  readonly #host: string;
  readonly #app: uWS.TemplatedApp;
  #listening: uWS.us_listen_socket | undefined;
  readonly #traceIds = new TraceIds();

  constructor({ host, tlsCertFile, tlsKeyFile }: PlaceholderOptions) {
    this.#host = host;
    // The app must be of the same kind as those of the workers: with a child of the other kind, the first
    // connection is a segfault.
    this.#app =
      tlsCertFile === undefined || tlsKeyFile === undefined
        ? uWS.App()
        : uWS.SSLApp({ cert_file_name: tlsCertFile, key_file_name: tlsKeyFile });
    this.#app.any('/*', (res, req) => this.#refuse(res, req));
  }

  /**
   * @param port 0: any free port, always exclusive
   * @returns the port
   * @throws StartError when the address cannot be listened on
   */
  listen(port: number, mode: keyof typeof OPTIONS): number {
    let socket: uWS.us_listen_socket | false = false;
    this.#core.listen(this.#host, port, OPTIONS[mode], (result) => {
      socket = result;
    });
    if (!socket) {
      throw new StartError(
        `cannot listen on ${this.#host}:${port} (data plane; HOST, PORT): ${listenFailure(this.#host, port)}`,
      );
    }
    this.#listening = socket;
    return uWS.us_socket_local_port(socket);
  }

  /**
   * Listens on a port that the workers are to share. A shared listener is never refused, so an exclusive one
   * checks first that no other process listens.
   * @returns the port, on which other listeners are possible from now on
   * @throws StartError when the address cannot be listened on
   */
  reserve(port: number): number {
    const free = this.listen(port, 'exclusive');
    this.stopListening();
    return this.listen(free, 'shared');
  }

  get isListening(): boolean {
    return this.#listening !== undefined;
  }

  /**
   * Stops listening with as few lost connections as possible: the kernel resets connections that it has
   * completed for a listener and that were not accepted when it closes. So it closes right after a poll that
   * accepted all of them.
   */
  async stopListeningBehindPoll(): Promise<void> {
    for (let i = 0; i < 2; i += 1) await turn();
    this.stopListening();
  }

  stopListening(): void {
    if (this.#listening !== undefined) uWS.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  addChild(descriptor: unknown): void {
    this.#core.addChildAppDescriptor(descriptor);
  }

  removeChild(descriptor: unknown): void {
    this.#core.removeChildAppDescriptor(descriptor);
  }

  close(): void {
    this.#listening = undefined; // the core closes it with the rest
    this.#app.close();
  }

  /** Rejects a request with 503 NO_WORKER. */
  #refuse(res: uWS.HttpResponse, req: uWS.HttpRequest): void {
    const requestId = requestIdOf(req.getHeader('x-request-id'));
    const traceId = parseTraceparent(req.getHeader('traceparent'))?.traceId ?? this.#traceIds.traceId();
    const { headers, body } = problemOf(NO_WORKER, { requestId, traceId, executed: false });
    res.writeStatus('503 Service Unavailable').writeHeader('x-request-id', requestId);
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
    res.end(body, true);
  }

  get #core(): AcceptingApp {
    return this.#app as unknown as AcceptingApp;
  }
}
