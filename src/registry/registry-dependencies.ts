// What the registry needs from the process: time, publication, shared memory and probes.
import type { Address } from './addresses.js';
import type { RegistrySnapshot } from './endpoint.js';
import type { HealthWatcher } from './health.js';
import type { Schedule } from './schedule.js';

export interface RegistryDependencies {
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** The wall clock, for times that people read. */
  readonly now: () => Date;
  readonly schedule: Schedule;
  readonly publish: (snapshot: RegistrySnapshot) => void;
  /** Rows of the shared endpoint tables; see slot-table.ts. */
  readonly slots: { take(key: string): number | undefined; release(key: string, slot: number): void };
  /** `arrive` is called when an instance is new and healthy, or has become healthy. */
  readonly ejections: { isEjected(slot: number): boolean; arrive(slot: number): void };
  readonly addresses: { admit(address: Address): Promise<string> };
  readonly health: HealthWatcher;
  /** Different from that of any other process, and without `-`. */
  readonly revisionPrefix: string;
  /** The size of the longest snapshot that can be published. */
  readonly maxSnapshotBytes: number;
}
