// The instances of all services, and the size of the snapshot that contains them.
import type { EndpointState } from './endpoint.js';
import type { Instance } from './instance.js';

/** The most bytes that the first line of a snapshot can have, which contains its revision. */
const REVISION_LINE_BYTES = 256;

export class InstanceTable {
  readonly #services = new Map<string, Map<string, Instance>>();
  /** The most bytes that the instances of each service can have in the snapshot. */
  readonly #bytes = new Map<string, number>();
  /** The most bytes that the snapshot of all instances can have, whatever their states are. */
  snapshotBytes = REVISION_LINE_BYTES;

  find(service: string, id: string): Instance | undefined {
    return this.#services.get(service)?.get(id);
  }

  /** How much of the room for all services one of them has taken. */
  usageOf(service: string): { readonly instances: number; readonly bytes: number } {
    return { instances: this.#services.get(service)?.size ?? 0, bytes: this.#bytes.get(service) ?? 0 };
  }

  /** The instances of a service, in the order of their first registration. */
  ofService(service: string): readonly Instance[] {
    return [...(this.#services.get(service)?.values() ?? [])];
  }

  all(): readonly Instance[] {
    return [...this.#services.values()].flatMap((instances) => [...instances.values()]);
  }

  /** @returns the instance that has this row of the shared tables */
  withSlot(slot: number): Instance | undefined {
    for (const instances of this.#services.values()) {
      for (const instance of instances.values()) if (instance.slot === slot) return instance;
    }
    return undefined;
  }

  /** Whether the service is mounted in this process. It may have instances of other processes as well. */
  isMounted(service: string): boolean {
    for (const instance of this.#services.get(service)?.values() ?? []) if (instance.local) return true;
    return false;
  }

  /** Adds an instance, or replaces the one with its id. */
  put(instance: Instance): void {
    const { service, id } = instance.registration;
    let instances = this.#services.get(service);
    if (instances === undefined) {
      instances = new Map();
      this.#services.set(service, instances);
    }
    this.#grow(service, instance.bytes - (instances.get(id)?.bytes ?? 0));
    instances.set(id, instance);
  }

  remove({ registration: { service, id }, bytes }: Instance): void {
    const instances = this.#services.get(service);
    if (instances?.delete(id) === true) this.#grow(service, -bytes);
    if (instances?.size !== 0) return;
    this.#services.delete(service);
    this.#bytes.delete(service);
  }

  #grow(service: string, bytes: number): void {
    this.snapshotBytes += bytes;
    this.#bytes.set(service, (this.#bytes.get(service) ?? 0) + bytes);
  }

  /** The number of instances by service. */
  counts(): Readonly<Record<string, number>> {
    const counts = Object.create(null) as Record<string, number>;
    for (const [service, instances] of this.#services) counts[service] = instances.size;
    return counts;
  }

  /** The number of instances by service and state. */
  countsByState(
    stateOf: (instance: Instance) => EndpointState,
  ): readonly { readonly service: string; readonly state: EndpointState; readonly count: number }[] {
    return [...this.#services].flatMap(([service, instances]) => {
      const counts = new Map<EndpointState, number>();
      for (const instance of instances.values()) {
        const state = stateOf(instance);
        counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      return [...counts].map(([state, count]) => ({ service, state, count }));
    });
  }
}
