// The contract of SHARDING: how connections of the data plane reach a worker. There are three
// implementations: `Acceptor` (acceptor.ts), where the primary accepts every connection and hands its socket
// to a worker, `ReusePort` (reuseport.ts), where every worker listens on the same port and the kernel
// chooses, and `SinglePort` (single-port.ts) with only one worker, whose threads hand its port over.
//
// The supervisor and the worker threads use only `Rotation`, so a worker starts and ends in the same way with
// all of them.

import type { WorkerPorts } from './worker-ports.js';

/**
 * Identifies a worker thread in the rotation. The thread sends it when it is ready. Descriptors are compared
 * by identity: use the object that was received.
 */
export interface Descriptor {
  /** The thread's row in shared memory. */
  readonly slot: number;
  /**
   * A raw pointer to the thread's uWebSockets.js app, to which sockets are handed. Undefined when the thread
   * listens itself.
   */
  readonly app: unknown;
}

/** The set of worker threads that receive new connections. */
export interface Rotation {
  /** The thread receives new connections from now on. Also called to end a `pause`. */
  add(descriptor: Descriptor): void;
  /**
   * The thread is stalled: it receives no new connection until `add`, as far as that is possible without the
   * thread's help.
   */
  pause(descriptor: Descriptor): void;
  /**
   * The thread receives no new connection any more; a thread that listens itself does so until it has closed
   * its listener. Always called before the thread is told that it may close its app. Can be called again.
   */
  remove(descriptor: Descriptor): void;
}

export interface Sharding extends Rotation {
  /** Port of the data plane. */
  readonly port: number;
  /**
   * The port on which each worker listens itself before it is ready; undefined when the primary hands
   * connections over, and where a worker has its port by one thread at a time.
   */
  readonly workerPort: number | undefined;
  /** @default the workers share one port */
  readonly ports?: WorkerPorts;
  /**
   * Called when the process is ready: from now on it takes its share of the new connections, beside another
   * process on the same port. Resolves when the receive buffers of its listener are bounded.
   * @throws StartError when the address cannot be listened on
   */
  join(): Promise<void>;
  /**
   * Announces connections that will come back soon because a worker closes them. Within the next second, as
   * far as this process can choose, they go to the workers with the fewest connections.
   * @param connections how many
   */
  expect(connections: number): void;
  /** New connections are refused from now on; open ones stay with their workers. */
  stopListening(): Promise<void>;
  /** Call it when no worker thread is alive any more. */
  close(): void;
}
