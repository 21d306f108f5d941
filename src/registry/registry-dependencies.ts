// What the registry needs from the process: time, publication, shared memory and probes. The primary makes it
// once, and tests pass substitutes.
import type { Address } from './addresses.js';
import type { HealthWatcher } from './health.js';
import type { Registration } from './registration.js';
import type { Schedule } from './schedule.js';
import type { RegistryUpdate } from './snapshot-text.js';

export interface RegistryDependencies {
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** The wall clock, for times that people read. */
  readonly now: () => Date;
  readonly schedule: Schedule;
  /** Sends the workers what has changed. */
  readonly publish: (update: RegistryUpdate) => void;
  /**
   * Assigns rows of the shared endpoint tables to instances. The key names service, id, address and port of
   * an instance. `take` returns undefined when no row is free. The primary passes a SlotTable.
   */
  readonly slots: { take(key: string): number | undefined; release(key: string, slot: number): void };
  /**
   * `isEjected` is true while workers exclude an endpoint because its calls fail. `arrive` begins the slow
   * start of an endpoint, in which it gets less load. The registry calls it when an instance is new and
   * healthy, or has become healthy.
   */
  readonly ejections: { isEjected(slot: number): boolean; arrive(slot: number): void };
  /**
   * Checks the address of an instance and returns the address to connect to, `known` if possible. The primary
   * passes an AddressPolicy.
   */
  readonly addresses: {
    admit(
      address: Address & { readonly service: string },
      known: string | undefined,
      placeMs: number | undefined,
    ): Promise<string>;
  };
  /** Probes the instances that have a health check. The primary passes a HealthProber. */
  readonly health: HealthWatcher;
  /**
   * An instance of a client has left because a process serves its service itself from now on.
   * @default nothing is called
   */
  readonly displaced?: (service: string, id: string) => void;
  /** Instances have left that were not renewed in time: at least one. @default that is not told */
  readonly expired?: (names: readonly Pick<Registration, 'service' | 'id'>[]) => void;
  /**
   * Every revision has the form `PREFIX-COUNT`. This is its PREFIX. Every process has a different one, and it
   * contains no `-`.
   */
  readonly revisionPrefix: string;
  /** The most bytes that a snapshot may have. The registry refuses an instance that would make it longer. */
  readonly maxSnapshotBytes: number;
  /** The most instances that one service may have. */
  readonly maxOfService: number;
  /**
   * The most instances of clients: the rest of the rows is for those that processes serve themselves.
   * @default as many as there is room for
   */
  readonly maxOfClients?: number;
}
