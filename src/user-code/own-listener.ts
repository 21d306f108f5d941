// Finds code of the project that listens on a port by itself, as `app.listen(3000)` of Express does: while a
// module is loaded, or later in what the module has started, as in `connect().then(() => app.listen(3000))`.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import type { ConfigError } from '../errors.js';
import { isFromLoading, runOutsideScopes } from '../scope.js';
import { deepenStacks } from './deep-stacks.js';
import { formatLocation, projectError, projectLocation } from './project-error.js';

/** Node.js publishes here within a call of `listen`, so the stack shows that call. */
const LISTEN = 'tracing:net.server.listen:asyncStart';

const REMOVE_LISTEN =
  'Remove the call of `listen`: the process listens by itself, on `port` of defineConfig or PORT.';

interface ListenCall {
  readonly server: Server;
  readonly options: { readonly port?: unknown; readonly reusePort?: unknown };
}

/** A port that only one thread can have: not one that the kernel chooses, nor one that is shared. */
const isFixed = ({ port, reusePort }: ListenCall['options']): boolean =>
  Number(port) > 0 && reusePort !== true;

/** A call of `listen` by code that the load of a module has started. */
export class OwnListener {
  readonly port: number;
  /** Its stack shows the call. */
  readonly #call: Error;

  constructor(port: number) {
    this.port = port;
    const restoreStacks = deepenStacks();
    this.#call = new Error(
      `it listens on port ${port} by itself, which the next thread that loads it cannot do`,
    );
    restoreStacks();
  }

  /**
   * The error with which the start fails.
   * @param file the module that was loaded
   * @param during what was in progress
   */
  refusal(file: string, during: string): ConfigError {
    return projectError(this.#call, during, { file: formatLocation(file), next: REMOVE_LISTEN });
  }

  /** One line for the log of a process that goes on without the listener. */
  closed(): string {
    const location = projectLocation(this.#call) ?? 'a module of the project';
    return (
      `${location}: it listened on port ${this.port} by itself, which only one thread can do and no limit ` +
      `holds for; its listener was closed. ${REMOVE_LISTEN}`
    );
  }
}

/**
 * Watches the thread for listeners on a fixed port. Every thread of the process loads the modules of a
 * project, so the next thread cannot listen there. The listener is closed before it accepts a connection. A
 * failure to listen is no error of the thread.
 * @param found gets the first call for each port
 * @returns a function that ends the watch
 */
export function watchListeners(found: (listener: OwnListener) => void): () => void {
  const ports = new Set<number>();
  const begins = (message: unknown): void => {
    const { server, options } = message as ListenCall;
    if (!isFixed(options) || !isFromLoading()) return;
    closeOnceListening(server);
    const port = Number(options.port);
    if (ports.has(port)) return;
    ports.add(port);
    const listener = new OwnListener(port);
    // What follows, as the end of the process, is not the work of the project.
    runOutsideScopes(() => found(listener));
  };
  subscribe(LISTEN, begins);
  return () => void unsubscribe(LISTEN, begins);
}

/** The server has its port for one turn of the event loop, in which it accepts nothing. */
function closeOnceListening(server: Server): void {
  const listening = (): void => {
    server.off('error', failed);
    // Callbacks of this event ask the server for its address, some of them later, as those of Fastify do.
    const address = server.address();
    server.address = () => address;
    process.nextTick(() => server.close());
  };
  const failed = (): void => void server.off('listening', listening);
  server.once('listening', listening).once('error', failed);
}
