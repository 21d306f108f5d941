// The real registry in virtual time. It probes nothing: the processes here have no health checks.
import { Registry } from '#src/registry/registry.js';
import type { Schedule } from '#src/registry/schedule.js';
import { SlotTable } from '#src/registry/slot-table.js';
import type { EndpointChange } from '#src/registry/snapshot-text.js';
import type { VirtualTime } from '../virtual-time.js';

const MOST_INSTANCES = 10_000;

export interface SimulatedRegistryOptions {
  readonly name: string;
  readonly time: VirtualTime;
  /** The timers of the process. */
  readonly schedule: Schedule;
  readonly changed?: (change: EndpointChange) => void;
}

export function simulatedRegistry({ name, time, schedule, changed }: SimulatedRegistryOptions): Registry {
  const nothing = (): void => undefined;
  return new Registry({
    clock: time.clock,
    now: () => new Date(time.now),
    schedule,
    publish: ({ changes }) => {
      for (const change of changes) changed?.(change);
    },
    slots: new SlotTable(MOST_INSTANCES, time.clock, nothing, () => true),
    ejections: { isEjected: () => false, arrive: nothing },
    addresses: { admit: async ({ host }) => host },
    health: { watch: () => nothing },
    revisionPrefix: name,
    maxSnapshotBytes: 1 << 24,
    maxOfService: MOST_INSTANCES,
  });
}
