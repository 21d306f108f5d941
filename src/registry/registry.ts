// The registry: which instances exist, which of them are healthy, and until when each has to be renewed. Only
// the primary has a registry. Clients change it through the admin plane, and workers and watchers get its
// changes. Every change is made and published in one turn of the event loop, and all workers see it at their
// next call.
import { type HttpError, NotFoundError } from '../errors.js';
import type { ChangeLog } from './change-log.js';
import type { Endpoint } from './endpoint.js';
import { ForeignInstances, type MirrorRights } from './foreign-instances.js';
import type { Instance, InstanceView } from './instance.js';
import { InstanceLifecycle } from './instance-lifecycle.js';
import { needsToken, type Registrant, servedInstance } from './instance-source.js';
import { InstanceTable } from './instance-table.js';
import type { OwnWatcher } from './own-watcher.js';
import { ProcessInstances } from './process-instances.js';
import { assertInstanceName, assertServiceName, parseRegistration } from './registration.js';
import { RegistrationOrder } from './registration-order.js';
import type { RegistryDependencies } from './registry-dependencies.js';
import { type RegistryChange, RegistryPublication } from './registry-publication.js';

const WITHOUT_RIGHTS: Registrant = { mayShadowLocal: false };

export class Registry {
  readonly #table = new InstanceTable();
  readonly #orders: RegistrationOrder;
  readonly #publication: RegistryPublication;
  readonly #lifecycle: InstanceLifecycle;
  readonly #foreign: ForeignInstances;
  /** The changes after each revision, for watchers. */
  readonly changes: Pick<ChangeLog<RegistryChange>, 'since' | 'covers' | 'listen'>;
  /** What other processes have announced at this one. */
  readonly processes: ProcessInstances;

  constructor(dependencies: RegistryDependencies) {
    const table = this.#table;
    this.#orders = new RegistrationOrder(dependencies.addresses);
    this.#publication = new RegistryPublication(table, dependencies);
    this.changes = this.#publication.changes;
    this.#lifecycle = new InstanceLifecycle(table, this.#publication, dependencies);
    this.#foreign = new ForeignInstances(table, this.#orders, this.#lifecycle);
    this.processes = new ProcessInstances(table, this.#lifecycle, this.#foreign, this.#publication);
  }

  get revision(): string {
    return this.#publication.revision;
  }

  /**
   * Registers an instance for a client: adds it, or replaces the one with this id. A draining instance goes
   * on draining when the same registration is repeated, as clients do to renew it. When another registration
   * or the removal of the instance came while its name was resolved, that one counts.
   * @throws ValidationError; HttpError ADDRESS_NOT_ALLOWED, and OVERLOADED when the registry is full;
   *   NotFoundError when it was removed meanwhile
   */
  async put(
    service: string,
    id: string,
    body: unknown,
    registrant: Registrant,
  ): Promise<{ readonly created: boolean; readonly instance: InstanceView }> {
    const registration = parseRegistration(service, id, body);
    this.#refuseServed(service, id, registrant);
    const state = registration.healthCheckPath === null ? 'healthy' : 'starting';
    const known = this.#table.find(service, id)?.address;
    const enter = (address: string, drains: boolean) => {
      // While the name was resolved, others may have registered: only now it is known whether this one is
      // new.
      this.#refuseServed(service, id, registrant);
      const created = this.#table.find(service, id) === undefined;
      const instance = this.#lifecycle.enter(registration, address, state, {
        origin: 'client',
        ...registrant,
      });
      if (drains) this.#lifecycle.setState(instance, 'draining');
      return { created, instance: this.#publication.view(instance) };
    };
    const entered = await this.#orders.entered({ registration, known, isMirrored: false, enter });
    if (entered !== undefined) return entered;
    const later = this.#table.find(service, id);
    if (later === undefined) throw removed(service, id);
    return { created: false, instance: this.#publication.view(later) };
  }

  /**
   * Registers a service that is mounted in this process. The instance never expires, is not probed, and
   * cannot be changed by clients. The primary changes its state with `setLocalState`.
   * @param options `state` is `starting` until the service's database is migrated; default `healthy`
   * @throws ValidationError; HttpError OVERLOADED when the registry is full
   */
  registerLocal(
    service: string,
    host: string,
    port: number,
    options: Partial<Pick<Endpoint, 'protocol' | 'metadata' | 'zone'>> & {
      readonly state?: 'starting' | 'healthy';
    } = {},
  ): void {
    const { protocol = 'http', metadata = {}, zone = null, state = 'healthy' } = options;
    const body = { host, port, protocol, metadata, zone };
    const registration = parseRegistration(service, `${host}:${port}`, body);
    this.#lifecycle.enter(registration, registration.host, state, { origin: 'local' });
  }

  /**
   * Changes the state of this process's own instances of a service.
   * @param of those of this protocol only, or the one at this port
   */
  setLocalState(
    service: string,
    state: 'starting' | 'healthy' | 'draining',
    of: Pick<Endpoint, 'protocol'> & Partial<Pick<Endpoint, 'port'>> = { protocol: 'http' },
  ): void {
    this.#publication.together(() => {
      for (const instance of this.#table.ofService(service)) {
        const { protocol, port } = instance.registration;
        if (instance.local && protocol === of.protocol && (of.port ?? port) === port)
          this.#lifecycle.setState(instance, state);
      }
    });
  }

  /** Tells of all own instances that there are, and of their changes from now on. */
  watchOwn(watcher: OwnWatcher): void {
    this.#lifecycle.watchOwn(watcher);
  }

  /** The instances of other processes in the registry that all share: their services and ids. */
  mirrored(): readonly (readonly [service: string, id: string])[] {
    const all = this.#table.all().filter(({ isMirrored, owner }) => isMirrored && owner === null);
    return all.map(({ registration: { service, id } }) => [service, id]);
  }

  /** As `ForeignInstances.mirror`. */
  mirror(service: string, id: string, body: unknown, rights: MirrorRights): Promise<void> {
    return this.#foreign.mirror(service, id, body, rights);
  }

  /** An instance has left another process, or was removed there. */
  unmirror(service: string, id: string): void {
    this.#foreign.unmirror(service, id);
  }

  /**
   * Renews an instance.
   * @param registrant @default without rights
   * @throws ValidationError for a bad name; NotFoundError when the instance is not registered (any more);
   *   HttpError ADDRESS_NOT_ALLOWED for one that this or another process serves itself, and for one of
   *   another process that needs `mayShadowLocal`
   */
  heartbeat(service: string, id: string, registrant = WITHOUT_RIGHTS): void {
    this.#takeOver(this.#require(service, id), registrant);
  }

  /**
   * Marks an instance as draining, so that workers send it no new calls. It stays registered until it expires
   * or is removed. Probes, heartbeats and the same registration do not end this state, but another one does,
   * such as that of a new version.
   * @throws as `heartbeat`
   */
  drain(service: string, id: string, registrant = WITHOUT_RIGHTS): void {
    const isComing = this.#orders.drain(service, id);
    if (isComing && this.#table.find(service, id) === undefined) return;
    const instance = this.#require(service, id);
    if (instance.isMirrored) this.#takeOver(instance, registrant);
    this.#lifecycle.setState(instance, 'draining');
  }

  /**
   * Removes an instance at once, and one whose registration is under way.
   * @throws as `heartbeat`
   */
  remove(service: string, id: string): void {
    const wasComing = this.#orders.remove(service, id);
    if (wasComing && this.#table.find(service, id) === undefined) return;
    this.#lifecycle.remove(this.#require(service, id));
  }

  /**
   * Notifies watchers that an instance was ejected or has returned, unless the instance has left. Workers
   * eject instances in shared memory. The primary looks for changes there and calls this.
   */
  ejectionChanged(service: string, id: string): void {
    const instance = this.#table.find(service, id);
    if (instance !== undefined) this.#publication.put(instance);
  }

  /**
   * @returns the instance that has this row of the shared tables; undefined when none has it. The log names
   *   the instance of a breaker or an ejection by it
   */
  at(slot: number): { readonly service: string; readonly id: string } | undefined {
    return this.#table.withSlot(slot)?.registration;
  }

  /** The number of instances by service. */
  services(): Readonly<Record<string, number>> {
    return this.#table.counts();
  }

  /** The number of instances by service and state, for metrics. */
  states(): ReturnType<InstanceTable['countsByState']> {
    return this.#table.countsByState((instance) => this.#publication.stateOf(instance));
  }

  /** @returns the instances of a service, perhaps none @throws ValidationError for a bad name */
  instances(service: string): readonly InstanceView[] {
    assertServiceName(service);
    return this.#table.ofService(service).map((instance) => this.#publication.view(instance));
  }

  /** As `instances` now, but each view is made when it is read. @throws ValidationError for a bad name */
  views(service: string): Iterable<InstanceView> {
    assertServiceName(service);
    return viewsOf(this.#table.ofService(service), (instance) => this.#publication.view(instance));
  }

  /** What the choice among the instances of a service depends on; cheaper than `instances`. */
  placesOf(service: string): readonly Pick<Endpoint, 'id' | 'protocol' | 'slot' | 'state'>[] {
    return this.#table.ofService(service).map(({ registration: { id, protocol }, slot, state }) => ({
      id,
      protocol,
      slot,
      state,
    }));
  }

  /** Stops timers and probes. */
  close(): void {
    this.#lifecycle.close();
  }

  /** Finds an instance for a client that changes it. @throws as `heartbeat` */
  #require(service: string, id: string): Instance {
    assertInstanceName(service, id);
    const instance = this.#table.find(service, id);
    if (instance === undefined) throw new NotFoundError(`Instance ${id} of ${service} is not registered.`);
    if (instance.isServed) throw servedInstance(instance);
    return instance;
  }

  /** Renews an instance for a client: from now on this process has it. */
  #takeOver(instance: Instance, registrant: Registrant): void {
    const { service } = instance.registration;
    if (instance.isMirrored && this.#table.isServed(service) && !registrant.mayShadowLocal)
      throw needsToken(service);
    this.#lifecycle.renew(instance, { origin: 'client', ...registrant });
  }

  /** Refuses a registration that would change an instance of a process, or that needs `mayShadowLocal`. */
  #refuseServed(service: string, id: string, registrant: Registrant): void {
    const instance = this.#table.find(service, id);
    if (instance?.isServed === true) throw servedInstance(instance);
    if (this.#table.isServed(service) && !registrant.mayShadowLocal) throw needsToken(service);
  }
}

function* viewsOf(
  instances: readonly Instance[],
  view: (instance: Instance) => InstanceView,
): Generator<InstanceView> {
  for (const instance of instances) yield view(instance);
}

const removed = (service: string, id: string): HttpError =>
  new NotFoundError(`Instance ${id} of ${service} was removed while it registered.`);
