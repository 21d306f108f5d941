// Watches a thread for listeners that code of a project opens by itself: while a module is loaded, as
// `app.listen(3000)` of Express, or later in what the module has started, as in
// `connect().then(() => app.listen(3000))`.
import type { Socket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type EventEmitter, errorMonitor } from 'node:events';
import { Server } from 'node:net';
import { currentLoad, runOutsideScopes } from '../scope.js';
import { addressOfServer, addressOfUdp, type FixedAddress, isOpenUdp } from './fixed-address.js';
import { OwnListener } from './own-listener.js';

/** Node.js publishes here within a call of `listen`, so the stack shows that call. */
const LISTEN = 'tracing:net.server.listen:asyncStart';
/** Node.js publishes here each UDP socket when it is made. */
const UDP_SOCKET = 'udp.socket';

type Listening = Server | Socket;

export interface ListenWatchOptions {
  /**
   * Gets the first listener for each address that is open when the load of its module has ended, or later; it
   * is about to be closed. Gets those that have failed as well, unless the module handles that during its
   * load: it may look for a free port.
   */
  readonly found: (listener: OwnListener) => void;
  /** Gets every listener that fails, at once. */
  readonly failed?: (listener: OwnListener) => void;
}

/**
 * Watches the thread for listeners on an address that only one thread can have. One that is open behind the
 * load of its module is closed, before it accepts a connection if it was opened later. A failure to listen
 * is no error of the thread.
 * @returns a function that ends the watch
 */
export function watchListeners({ found, failed }: ListenWatchOptions): () => void {
  const addresses = new Set<string>();
  let hasEnded = false;

  const begins = (socket: Listening, address: FixedAddress | undefined): void => {
    const load = currentLoad();
    if (hasEnded || load === undefined || address === undefined) return;
    const listener = new OwnListener(address);
    const report = (): void => {
      if (addresses.has(address.text)) return;
      addresses.add(address.text);
      // What follows, as the end of the process, is not the work of the project.
      runOutsideScopes(() => found(listener));
    };
    const judge = (): void => {
      if (!isOpen(socket) && !listener.isOfCluster) return;
      report();
      // Another watch of this thread has to see it open.
      process.nextTick(close, socket);
    };
    onceSettled(socket, (error) => {
      if (error === undefined) {
        // Callbacks for `listening` may close it.
        process.nextTick(() => load.afterwards(judge));
        return;
      }
      const isHandled = socket.listeners('error').some((one) => one !== ignore);
      listener.failed(error);
      failed?.(listener);
      if (load.hasEnded || !isHandled) report();
    });
  };

  const listens = (message: unknown): void => {
    const { server, options } = message as { readonly server: Server; readonly options: object };
    begins(server, addressOfServer(options));
  };
  const makes = (message: unknown): void => {
    if (currentLoad() === undefined) return;
    const { socket } = message as { readonly socket: Socket };
    const bind = socket.bind.bind(socket) as (...args: unknown[]) => Socket;
    socket.bind = (...args: unknown[]): Socket => {
      begins(socket, addressOfUdp(socket, args[0]));
      return bind(...args);
    };
  };
  subscribe(LISTEN, listens);
  subscribe(UDP_SOCKET, makes);
  return () => {
    hasEnded = true;
    unsubscribe(LISTEN, listens);
    unsubscribe(UDP_SOCKET, makes);
  };
}

/** Calls back when a call of `listen` or `bind` has its address, or has failed. */
function onceSettled(socket: EventEmitter, callback: (error?: Error) => void): void {
  const settled = (error?: Error): void => {
    socket.off('listening', listening).off(errorMonitor, settled);
    // After a failure it is removed by its call.
    if (error === undefined) socket.off('error', ignore);
    callback(error);
  };
  const listening = (): void => settled();
  socket.once('listening', listening).once(errorMonitor, settled).once('error', ignore);
}

/** A listener of `error`. Without one, Node.js would throw the error. */
const ignore = (): void => undefined;

const isOpen = (socket: Listening): boolean =>
  socket instanceof Server ? socket.listening : isOpenUdp(socket);

function close(socket: Listening): void {
  if (!isOpen(socket)) return;
  // Code of the project goes on as if it had its listener. It may ask for the address later, as Fastify does,
  // and would listen again and again if it learned that the listener is closed.
  const address = socket.address();
  Object.assign(socket, { address: () => address });
  socket.removeAllListeners('close');
  socket.close();
}
