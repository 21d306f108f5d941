// The primary's listener on uWebSockets.js: it hands accepted sockets to the workers that were added, and
// rejects requests while there are none. This is the only file of the module that uses uWebSockets.js.
//
// A worker's descriptor is a raw pointer. If it stayed here after its thread has ended, the next connection
// would be a segfault, so `removeChild` is always called before a worker may close its app (docs/cluster.md).
import uWS from 'uWebSockets.js';
import { TraceIds } from '../telemetry/trace-ids.js';
import {
  cannotListen,
  type ListenMode,
  noWorker,
  type PlaceholderListener,
  type PlaceholderOptions,
} from './placeholder-listener.js';

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

/** The LIBUS_LISTEN_* options of the HTTP core. */
const OPTIONS: Readonly<Record<ListenMode, number>> = { shared: 0, exclusive: 1 };

export class UwsPlaceholder implements PlaceholderListener {
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

  listen(port: number, mode: ListenMode): number {
    let socket: uWS.us_listen_socket | false = false;
    this.#core.listen(this.#host, port, OPTIONS[mode], (result) => {
      socket = result;
    });
    if (!socket) throw cannotListen({ host: this.#host, port });
    this.#listening = socket;
    return uWS.us_socket_local_port(socket);
  }

  reserve(port: number): number {
    const free = this.listen(port, 'exclusive');
    this.stopListening();
    return this.listen(free, 'shared');
  }

  get isListening(): boolean {
    return this.#listening !== undefined;
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

  #refuse(res: uWS.HttpResponse, req: uWS.HttpRequest): void {
    const { headers, body } = noWorker((name) => req.getHeader(name), this.#traceIds);
    res.writeStatus('503 Service Unavailable');
    for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
    res.end(body, true);
  }

  get #core(): AcceptingApp {
    return this.#app as unknown as AcceptingApp;
  }
}
