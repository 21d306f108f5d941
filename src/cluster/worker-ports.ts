// The ports of the workers of a group that have one each, by one thread at a time (port-holders.ts). There
// are two implementations: for gRPC workers (primary/grpc-instances.ts), and for the one HTTP worker of a
// process whose threads cannot share a port (single-port.ts).
export interface WorkerPorts {
  /** The port of a worker; 0 for any free one. */
  of(worker: number): number;
  /**
   * Whether another process may still have the port of a worker: this process is its successor, and is ready
   * before it listens.
   */
  isShared(worker: number): boolean;
  /** Whether new connections to a worker are refused, although one of its threads may serve open ones. */
  isSilent(worker: number): boolean;
  /**
   * Called before a thread is ordered to listen: the primary gives the port up.
   * @default the primary never has it
   */
  vacate?(worker: number): void;
  /** A thread of the worker listens on its port. */
  listening(worker: number, port: number): void;
  /** No thread of the worker listens, and that is more than the gap of a replacement. */
  silent(worker: number): void;
}
