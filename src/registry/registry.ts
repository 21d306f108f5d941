// The registry: which instances exist, which of them are healthy, and until when each has to be renewed. Only
// the primary has a registry. Clients change it through the admin plane, and workers and watchers get its
// changes. Every change is made and published in one turn of the event loop, and all workers see it at their
// next call.
import { type HttpError, NotFoundError } from '../errors.js';
import type { LogEntry } from './change-log.js';
import { type Endpoint, type EndpointState, schemeOf } from './endpoint.js';
import { ExpiryTimer } from './expiry.js';
import {
  ForeignInstances,
  type MirrorRights,
  needsToken,
  type Origin,
  type Registrant,
  type Source,
} from './foreign-instances.js';
import type { Health } from './health-rule.js';
import { bytesOf, type Instance, type InstanceView, isSame, viewOf } from './instance.js';
import { InstanceTable } from './instance-table.js';
import type { OwnWatcher } from './own-watcher.js';
import { ProcessInstances, servedInstance } from './process-instances.js';
import {
  assertInstanceName,
  assertServiceName,
  parseRegistration,
  type Registration,
} from './registration.js';
import { RegistrationOrder } from './registration-order.js';
import type { RegistryDependencies } from './registry-dependencies.js';
import { type RegistryChange, RegistryPublication } from './registry-publication.js';
import { refuseTooMany, registryFull } from './registry-room.js';
import { Removals } from './removals.js';

const WITHOUT_RIGHTS: Registrant = { mayShadowLocal: false };
const NO_PROBES = (): void => undefined;

export class Registry {
  readonly #deps: RegistryDependencies;
  readonly #table = new InstanceTable();
  readonly #orders: RegistrationOrder;
  readonly #publication: RegistryPublication;
  readonly #expiry: ExpiryTimer;
  readonly #foreign: ForeignInstances;
  readonly #removals: Removals;
  /** What other processes have announced at this one. */
  readonly processes: ProcessInstances;
  #own: OwnWatcher | undefined;
  #serial = 0;

  constructor(dependencies: RegistryDependencies) {
    this.#deps = dependencies;
    const { revisionPrefix, publish, addresses } = dependencies;
    this.#orders = new RegistrationOrder(addresses);
    this.#publication = new RegistryPublication(this.#table, revisionPrefix, publish);
    this.#expiry = new ExpiryTimer(dependencies, () => this.#expire());
    this.#foreign = new ForeignInstances(this.#table, this.#orders, {
      enter: (registration, address, state, source) => this.#enter(registration, address, state, source),
      setState: (instance, state) => this.#setState(instance, state),
      probe: (instance) => this.#probe(instance),
      leave: (instance) => this.#leave(instance),
    });
    this.#removals = new Removals(dependencies.clock);
    this.processes = new ProcessInstances(this.#table, this.#removals, {
      ...{ expiry: this.#expiry, clock: dependencies.clock, now: dependencies.now },
      enter: (announced, announcer, registrant) => this.#foreign.announced(announced, announcer, registrant),
      leave: (instance) => this.#leave(instance),
      remove: (instance) => this.#removed(instance),
      view: (instance) => this.#view(instance),
    });
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
      const instance = this.#enter(registration, address, state, { origin: 'client', ...registrant });
      if (drains) this.#setState(instance, 'draining');
      return { created, instance: this.#view(instance) };
    };
    const entered = await this.#orders.entered({ registration, known, isMirrored: false, enter });
    if (entered !== undefined) return entered;
    const later = this.#table.find(service, id);
    if (later === undefined) throw removed(service, id);
    return { created: false, instance: this.#view(later) };
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
    this.#enter(registration, registration.host, state, { origin: 'local' });
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
          this.#setState(instance, state);
      }
    });
  }

  /** Tells of all own instances that there are, and of their changes from now on. */
  watchOwn(watcher: OwnWatcher): void {
    this.#own = watcher;
    for (const instance of this.#table.all()) if (!instance.isMirrored) watcher.changed(instance);
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
    this.#setState(instance, 'draining');
  }

  /**
   * Removes an instance at once, and one whose registration is under way.
   * @throws as `heartbeat`
   */
  remove(service: string, id: string): void {
    const wasComing = this.#orders.remove(service, id);
    if (wasComing && this.#table.find(service, id) === undefined) return;
    this.#removed(this.#require(service, id));
  }

  /**
   * Notifies watchers that an instance was ejected or has returned, unless the instance has left. Workers
   * eject instances in shared memory. The primary looks for changes there and calls this.
   */
  ejectionChanged(service: string, id: string): void {
    const instance = this.#table.find(service, id);
    if (instance !== undefined) this.#publish(instance);
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
    return this.#table.countsByState((instance) => this.#stateOf(instance));
  }

  /** @returns the instances of a service, perhaps none @throws ValidationError for a bad name */
  instances(service: string): readonly InstanceView[] {
    assertServiceName(service);
    return this.#table.ofService(service).map((instance) => this.#view(instance));
  }

  /** As `instances` now, but each view is made when it is read. @throws ValidationError for a bad name */
  views(service: string): Iterable<InstanceView> {
    assertServiceName(service);
    return viewsOf(this.#table.ofService(service), (instance) => this.#view(instance));
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

  /** @returns the changes after a revision; undefined when the revision is not known, or is too old */
  since(revision: string): readonly LogEntry<RegistryChange>[] | undefined {
    return this.#publication.since(revision);
  }

  /** Whether `since` has a result for a revision. */
  covers(revision: string): boolean {
    return this.#publication.covers(revision);
  }

  /** @returns a function that stops listening */
  listen(listener: (entry: LogEntry<RegistryChange>) => void): () => void {
    return this.#publication.listen(listener);
  }

  /** Stops timers and probes. */
  close(): void {
    this.#expiry.stop();
    for (const instance of this.#table.all()) instance.stopProbes();
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
    this.#renew(instance, { origin: 'client', ...registrant });
  }

  /** Refuses a registration that would change an instance of a process, or that needs `mayShadowLocal`. */
  #refuseServed(service: string, id: string, registrant: Registrant): void {
    const instance = this.#table.find(service, id);
    if (instance?.isServed === true) throw servedInstance(instance);
    if (this.#table.isServed(service) && !registrant.mayShadowLocal) throw needsToken(service);
  }

  /**
   * Puts an instance into the table, publishes it and starts its health checks. A registration that changes
   * nothing only renews the instance.
   * @param state the state of a new instance. A replaced one may keep its own state (`keepsHealth`)
   */
  #enter(registration: Registration, address: string, state: EndpointState, source: Source): Instance {
    const { service, id } = registration;
    const { origin, announcer } = source;
    const local = origin === 'local';
    const isServed = local || origin === 'served';
    const before = this.#table.find(service, id);
    const isRestarted = local && before?.state === 'draining';
    const isKnown = before?.address === address && before.isServed === isServed;
    const registrationId = origin === 'client' ? this.#newRegistrationId() : (source.registrationId ?? null);
    if (isKnown && !isRestarted && isSame(before, registration)) {
      // The same again at the process that has it is no other registration.
      const isRenewal = origin === 'client' && !before.isMirrored;
      return this.#renew(before, source, isRenewal ? before.registrationId : registrationId);
    }

    const slotKey = `${service} ${id} ${address} ${registration.port}`;
    const keepsSlot = before?.slotKey === slotKey;
    const bytes = bytesOf(registration, address, local);
    refuseTooMany(this.#table, this.#deps, { service, isServed, before, bytes });
    const slot = keepsSlot ? before!.slot : this.#deps.slots.take(slotKey);
    if (slot === undefined) throw registryFull();
    const keeps = keepsSlot && keepsHealth(before!, registration);
    const keepsProbes = keeps && isProbedAlike(before!.registration, registration);
    if (before !== undefined) this.#release(before, keepsSlot, keepsProbes);

    const entered = keeps ? before!.state : state;
    const instance: Instance = {
      registration,
      address,
      slot,
      slotKey,
      local,
      isServed,
      bytes,
      state: entered,
      isProven: entered === 'healthy' || (keeps && before!.isProven),
      isMirrored: isMirrored(origin),
      owner: announcer?.owner ?? null,
      serial: ++this.#serial,
      registrationId,
      mayShadowLocal: source.mayShadowLocal ?? local,
      expiresAt: this.#expiryOf(registration, source),
      lastHeartbeat: local ? null : this.#deps.now(),
      stopProbes: keepsProbes ? before!.stopProbes : NO_PROBES,
    };
    const wasServed = this.#table.isServed(service);
    this.#table.put(instance);
    if (isServed && !wasServed) this.#displaceFrom(service);
    if (instance.state === 'healthy' && !(keepsSlot && before?.state === 'healthy')) {
      this.#deps.ejections.arrive(slot);
    }
    this.#changed(instance);
    this.#expiry.noLaterThan(instance.expiresAt);
    if (!keepsProbes) this.#probe(instance);
    return instance;
  }

  /** Renews an instance that has registered again without a change. This process itself never expires. */
  #renew(instance: Instance, source: Source, registrationId = instance.registrationId): Instance {
    if (instance.local) return instance;
    const { isMirrored: wasMirrored, owner, registrationId: before } = instance;
    instance.isMirrored = isMirrored(source.origin);
    instance.owner = source.announcer?.owner ?? null;
    instance.registrationId = registrationId;
    if (source.origin !== 'client' || wasMirrored) instance.mayShadowLocal = source.mayShadowLocal ?? false;
    instance.expiresAt = this.#expiryOf(instance.registration, source);
    instance.lastHeartbeat = this.#deps.now();
    this.#expiry.noLaterThan(instance.expiresAt);
    // The processes that share this registry learn which one has it now.
    if (instance.owner !== owner || registrationId !== before) {
      instance.serial = ++this.#serial;
      this.#publish(instance);
    }
    // From now on this process answers for it.
    if (wasMirrored && !instance.isMirrored) this.#own?.changed(instance);
    return instance;
  }

  /**
   * A process serves a service from now on: instances of clients leave that were registered without the right
   * to be beside its own. Each process does that for what was registered at it.
   */
  #displaceFrom(service: string): void {
    for (const instance of this.#table.ofService(service)) {
      const { isServed, mayShadowLocal, isMirrored, owner, registration } = instance;
      if (isServed || mayShadowLocal || (isMirrored && owner === null)) continue;
      this.#deps.displaced?.(service, registration.id);
      this.#leave(instance);
    }
  }

  #newRegistrationId(): string {
    this.#serial += 1;
    return `${this.#deps.revisionPrefix}.${this.#serial}`;
  }

  /** A client has removed an instance, here or at a process that shares this registry. */
  #removed(instance: Instance): void {
    const { service, id, ttlSeconds } = instance.registration;
    this.#removals.add(service, id, instance.registrationId, ttlSeconds);
    // In the registry that all share it may be newer than here, and another process may have it by now.
    if (instance.owner === null) this.#own?.removed(instance);
    this.#delete(instance, false);
  }

  /** An instance leaves that has expired, or that another process has no more. */
  #leave(instance: Instance, isExpired = false): void {
    const { service, id } = instance.registration;
    if (!instance.isMirrored) this.#own?.left(service, id);
    this.#delete(instance, isExpired);
  }

  #delete(instance: Instance, isExpired: boolean): void {
    this.#release(instance, false);
    this.#table.remove(instance);
    this.#publication.delete(instance, isExpired);
  }

  /**
   * Ends the probes of an instance and releases its row, when the instance leaves or is replaced. `keepsSlot`
   * is true when the instance that replaces it has the same address and port: that one takes over the row. It
   * takes over the probes as well (`keepsProbes`) when they would be the same.
   */
  #release(instance: Instance, keepsSlot: boolean, keepsProbes = false): void {
    if (!keepsProbes) instance.stopProbes();
    if (!keepsSlot) this.#deps.slots.release(instance.slotKey, instance.slot);
  }

  #setState(instance: Instance, state: EndpointState): void {
    if (instance.state === state) return;
    const isHealth = instance.registration.healthCheckPath !== null && instance.state !== 'draining';
    if (!isHealth || state === 'draining') instance.serial = ++this.#serial;
    instance.state = state;
    if (state === 'healthy') {
      instance.isProven = true;
      this.#deps.ejections.arrive(instance.slot);
    }
    this.#changed(instance);
  }

  /** Publishes an instance, to other processes as well if it is theirs to know. */
  #changed(instance: Instance): void {
    this.#publish(instance);
    if (!instance.isMirrored) this.#own?.changed(instance);
  }

  #publish(instance: Instance): void {
    this.#publication.put(instance, this.#view(instance));
  }

  #view(instance: Instance): InstanceView {
    return viewOf(instance, this.#stateOf(instance));
  }

  /** @returns the state to show: `ejected` for a healthy instance that is ejected in shared memory */
  #stateOf({ state, slot }: Instance): EndpointState {
    return state === 'healthy' && this.#deps.ejections.isEjected(slot) ? 'ejected' : state;
  }

  /**
   * Starts the health checks of an instance, if it has any. Their results become its state, unless it drains.
   */
  #probe(instance: Instance): void {
    const { service, id, healthCheckPath: path, host, port, metadata } = instance.registration;
    if (path === null) return;
    const target = { address: instance.address, port, path, host, metadata };
    const report = (health: Health): void => {
      // Another registration may have taken over the probes.
      const probed = this.#table.find(service, id);
      if (probed === undefined || health === 'unknown' || probed.state === 'draining') return;
      this.#setState(probed, health);
    };
    instance.stopProbes = this.#deps.health.watch(target, report);
  }

  /** @returns when an instance expires that is registered or renewed now; Infinity: never */
  #expiryOf({ ttlSeconds }: Registration, { origin, announcer }: Source): number {
    const seconds = ttlSeconds === 0 ? 0 : (announcer?.ttlSeconds ?? (origin === 'client' ? ttlSeconds : 0));
    return seconds === 0 ? Number.POSITIVE_INFINITY : this.#deps.clock() + seconds * 1000;
  }

  /** Removes the instances that have expired. @returns when the next one expires */
  #expire(): number {
    const all = this.#table.all();
    const now = this.#deps.clock();
    const expired = all.filter(({ expiresAt }) => expiresAt <= now);
    this.#publication.together(() => {
      for (const instance of expired) this.#leave(instance, true);
    });
    if (expired.length > 0) this.#deps.expired?.(expired.map(({ registration }) => registration));
    return all.reduce(
      (next, { expiresAt }) => (expiresAt > now ? Math.min(next, expiresAt) : next),
      Infinity,
    );
  }
}

/**
 * Whether an instance that registers again with the same address keeps its state. An instance of another
 * process keeps it, unless it was draining or its health check has changed. An instance of this process gets
 * the state with which it is registered.
 */
function keepsHealth(before: Instance, { healthCheckPath }: Registration): boolean {
  return (
    !before.local && before.state !== 'draining' && before.registration.healthCheckPath === healthCheckPath
  );
}

/** Whether probes send the same to both, if address, port and path are the same. */
const isProbedAlike = (one: Registration, other: Registration): boolean =>
  one.host === other.host && schemeOf(one) === schemeOf(other);

function* viewsOf(
  instances: readonly Instance[],
  view: (instance: Instance) => InstanceView,
): Generator<InstanceView> {
  for (const instance of instances) yield view(instance);
}

const removed = (service: string, id: string): HttpError =>
  new NotFoundError(`Instance ${id} of ${service} was removed while it registered.`);

const isMirrored = (origin: Origin): boolean => origin === 'mirrored' || origin === 'served';
