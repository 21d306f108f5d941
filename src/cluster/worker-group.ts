// The workers of one kind. A process has a group of HTTP workers, and one of gRPC workers where a service
// declares gRPC. Each group has a supervisor of its own.
import type { Settings } from '../config.js';
import type { Rotation, Sharding } from './sharding.js';
import type { WorkerPorts } from './worker-ports.js';

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
  /**
   * The threads may be ended at any moment without harm to the process, because they have no app of
   * uWebSockets.js.
   */
  readonly mayTerminate: boolean;
}

export interface HttpGroupOptions {
  readonly entry: URL;
  /** WORKERS */
  readonly workers: number;
  readonly httpCore: Settings['httpCore'];
  readonly sharding: Rotation & Pick<Sharding, 'workerPort' | 'ports'>;
}

/** The HTTP workers. */
export const httpGroup = ({ entry, workers, httpCore, sharding }: HttpGroupOptions): WorkerGroup => ({
  kind: 'http',
  entry,
  count: workers,
  firstWorker: 1,
  firstRow: 1,
  rotation: sharding,
  sharedPort: sharding.workerPort,
  ...(sharding.ports !== undefined && { ports: sharding.ports }),
  mayTerminate: httpCore === 'node',
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
