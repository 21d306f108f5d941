// What the services of one worker are made with. host.ts makes one context for all of them, and each
// MountedService takes from it what its service is given.
import type { Logger } from 'pino';
import type { Call, Cpu, ServiceDefinition, ServiceDeps } from '../api/service-definition.js';
import type { Shared } from '../api/shared.js';
import type { WorkerBoot } from '../cluster/messages.js';
import type { OwnMetrics } from '../telemetry/service-metrics.js';
import type { Tracing } from '../telemetry/span.js';
import type { WorkerMemory } from './worker-memory.js';

/** Which thread this is, and the settings it runs with. */
export type WorkerIdentity = Pick<WorkerBoot, 'settings' | 'worker' | 'slot' | 'generation' | 'instanceId'>;

/** Returns what a service is to be given instead of `deps`. The test kit replaces some of them by fakes. */
export type ReplaceDeps = (service: ServiceDefinition, deps: ServiceDeps) => ServiceDeps;

/** What all services of a worker share. */
export interface WorkerContext extends Omit<WorkerMemory, 'slot'> {
  readonly thread: WorkerIdentity;
  /** Makes the metrics of a service. */
  readonly metrics: (service: string) => OwnMetrics;
  readonly tracing: Tracing;
  readonly log: Logger;
  /** Makes the calls of a service. */
  readonly callFrom: (service: string) => Call;
  readonly cpu: { tasks(service: string, module: URL | undefined): Cpu };
  readonly shared: (service: string) => Shared;
  readonly replaceDeps: ReplaceDeps;
  /** True once something that ran in this thread has brought it down. */
  readonly hasFailed: () => boolean;
  /**
   * The start of the oldest saga that is open in any database of this process. Results of effects that
   * were stored since then are kept, because the saga may still need them.
   */
  openSagasSince(): Promise<Date | undefined>;
}
