// The workers of one kind. A process has a group of HTTP workers, and one of gRPC workers where a service
// declares gRPC. Each group has a supervisor of its own.
import type { Rotation, Sharding } from './sharding.js';

export type WorkerKind = 'http' | 'grpc';

export interface WorkerGroup {
  /** Begins the names of the threads. */
  readonly kind: WorkerKind;
  /** Module that the threads run. */
  readonly entry: URL;
  /** The number of workers. */
  readonly count: number;
  /** The number of the first worker: workers of all groups are numbered through. */
  readonly firstWorker: number;
  /** The group has `rowsFor(count)` rows of shared memory, beginning with this one. */
  readonly firstRow: number;
  readonly rotation: Rotation;
  /**
   * The port that the first thread of the group listens on when it is started; undefined when the primary
   * hands connections over, and for workers with ports of their own.
   */
  readonly sharedPort: number | undefined;
  /**
   * The ports of workers that have one each; only one thread of such a worker can listen at a time.
   * @default the workers share one port
   */
  readonly ports?: WorkerPorts;
  /** A thread without an HTTP core may be ended at any moment without harm to the process. */
  readonly mayTerminate: boolean;
}

/** The ports of the workers of a group. */
export interface WorkerPorts {
  /** The port of a worker; 0 for any free one. */
  of(worker: number): number;
  /**
   * Whether another process may still have the port of a worker: this process is its successor, and is ready
   * before it listens.
   */
  isShared(worker: number): boolean;
  /** A thread of the worker listens on its port. */
  listening(worker: number, port: number): void;
  /** No thread of the worker listens, and that is more than the gap of a replacement. */
  silent(worker: number): void;
}

export interface HttpGroupOptions {
  readonly entry: URL;
  /** WORKERS */
  readonly workers: number;
  readonly sharding: Rotation & Pick<Sharding, 'workerPort'>;
}

/** The HTTP workers. */
export const httpGroup = ({ entry, workers, sharding }: HttpGroupOptions): WorkerGroup => ({
  kind: 'http',
  entry,
  count: workers,
  firstWorker: 1,
  firstRow: 1,
  rotation: sharding,
  sharedPort: sharding.workerPort,
  mayTerminate: false,
});

/** Threads that listen themselves, each on its own port, need no rotation. */
const NO_ROTATION: Rotation = { add() {}, pause() {}, remove() {} };

export interface GrpcGroupOptions extends Pick<WorkerGroup, 'entry' | 'count' | 'firstWorker' | 'firstRow'> {
  readonly ports: WorkerPorts;
}

/** The gRPC workers. */
export const grpcGroup = (options: GrpcGroupOptions): WorkerGroup => ({
  kind: 'grpc',
  rotation: NO_ROTATION,
  sharedPort: undefined,
  mayTerminate: true,
  ...options,
});
