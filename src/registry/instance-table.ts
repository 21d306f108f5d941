// The instances of all services, and the size of the snapshot that contains them.
import type { EndpointState } from './endpoint.js';
import type { Instance } from './instance.js';

/** The most bytes that the first line of a snapshot can have, which contains its revision. */
const REVISION_LINE_BYTES = 256;

export class InstanceTable {
  readonly #services = new Map<string, Map<string, Instance>>();
  /** The most bytes that the instances of each service can have in the snapshot. */
  readonly #bytes = new Map<string, number>();
  /** How many instances of a service this process serves, and how many any process serves itself. */
  readonly #served = new Map<string, { local: number; all: number }>();
  /** Instances that no process serves itself, and the most bytes that they can have in the snapshot. */
  readonly ofClients = { instances: 0, bytes: 0 };
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
    return (this.#served.get(service)?.local ?? 0) > 0;
  }

  /** Whether this or another process of Multilane serves the service itself. */
  isServed(service: string): boolean {
    return (this.#served.get(service)?.all ?? 0) > 0;
  }

  /** Adds an instance, or replaces the one with its id. */
  put(instance: Instance): void {
    const { service, id } = instance.registration;
    let instances = this.#services.get(service);
    if (instances === undefined) {
      instances = new Map();
      this.#services.set(service, instances);
    }
    const before = instances.get(id);
    if (before !== undefined) this.#count(before, -1);
    instances.set(id, instance);
    this.#count(instance, 1);
  }

  remove(instance: Instance): void {
    const { service, id } = instance.registration;
    const instances = this.#services.get(service);
    if (instances?.delete(id) === true) this.#count(instance, -1);
    if (instances?.size !== 0) return;
    this.#services.delete(service);
    this.#bytes.delete(service);
    this.#served.delete(service);
  }

  #count({ registration: { service }, bytes, local, isServed }: Instance, by: 1 | -1): void {
    this.snapshotBytes += by * bytes;
    this.#bytes.set(service, (this.#bytes.get(service) ?? 0) + by * bytes);
    if (!isServed) {
      this.ofClients.instances += by;
      this.ofClients.bytes += by * bytes;
    }
    const served = this.#served.get(service) ?? { local: 0, all: 0 };
    served.local += local ? by : 0;
    served.all += isServed ? by : 0;
    this.#served.set(service, served);
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
