// The lifecycle of an instance, wherever it comes from: it enters the registry, is renewed, changes its
// state, and leaves, at the latest when it expires. Every change is published.
import type { EndpointState } from './endpoint.js';
import { ExpiryTimer } from './expiry.js';
import type { Health } from './health-rule.js';
import { bytesOf, type Instance, isSame } from './instance.js';
import { isMirrored, type Source } from './instance-source.js';
import type { InstanceTable } from './instance-table.js';
import type { OwnWatcher } from './own-watcher.js';
import type { Registration } from './registration.js';
import type { RegistryDependencies } from './registry-dependencies.js';
import { MOST_IN_A_TURN, type RegistryPublication } from './registry-publication.js';
import { refuseTooMany, registryFull } from './registry-room.js';
import { Removals } from './removals.js';
import { type Kept, keptOf, NOTHING_KEPT } from './replacement.js';

const NO_PROBES = (): void => undefined;

export class InstanceLifecycle {
  /** What clients have removed. */
  readonly removals: Removals;
  readonly #deps: RegistryDependencies;
  readonly #table: InstanceTable;
  readonly #publication: RegistryPublication;
  readonly #expiry: ExpiryTimer;
  #own: OwnWatcher | undefined;
  #serial = 0;

  constructor(table: InstanceTable, publication: RegistryPublication, dependencies: RegistryDependencies) {
    this.#table = table;
    this.#publication = publication;
    this.#deps = dependencies;
    this.removals = new Removals(dependencies.clock);
    this.#expiry = new ExpiryTimer(dependencies, () => this.#expire());
  }

  /** As `Registry.watchOwn`. */
  watchOwn(watcher: OwnWatcher): void {
    this.#own = watcher;
    for (const instance of this.#table.all()) if (!instance.isMirrored) watcher.changed(instance);
  }

  /** Stops timers and probes. */
  close(): void {
    this.#expiry.stop();
    for (const instance of this.#table.all()) instance.stopProbes();
  }

  /**
   * Puts an instance into the table, publishes it and starts its health checks. A registration that changes
   * nothing only renews the instance.
   * @param state the state of a new instance. A replaced one may keep its own state (`keptOf`)
   */
  enter(registration: Registration, address: string, state: EndpointState, source: Source): Instance {
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
      return this.renew(before, source, isRenewal ? before.registrationId : registrationId);
    }

    const slotKey = `${service} ${id} ${address} ${registration.port}`;
    const keeps = keptOf(before, registration, slotKey);
    const bytes = bytesOf(registration, address, local);
    refuseTooMany(this.#table, this.#deps, { service, isServed, before, bytes });
    const slot = keeps.slot ? before!.slot : this.#deps.slots.take(slotKey);
    if (slot === undefined) throw registryFull();
    if (before !== undefined) this.#release(before, keeps);

    const entered = keeps.health ? before!.state : state;
    const instance: Instance = {
      registration,
      address,
      slot,
      slotKey,
      local,
      isServed,
      bytes,
      state: entered,
      isProven: entered === 'healthy' || (keeps.health && before!.isProven),
      isMirrored: isMirrored(source),
      owner: announcer?.owner ?? null,
      serial: ++this.#serial,
      registrationId,
      mayShadowLocal: source.mayShadowLocal ?? local,
      expiresAt: this.#expiryOf(registration, source),
      lastHeartbeat: local ? null : this.#deps.now(),
      stopProbes: keeps.probes ? before!.stopProbes : NO_PROBES,
    };
    const wasServed = this.#table.isServed(service);
    this.#table.put(instance);
    if (isServed && !wasServed) this.#displaceFrom(service);
    if (instance.state === 'healthy' && !(keeps.slot && before?.state === 'healthy')) {
      this.#deps.ejections.arrive(slot);
    }
    this.#changed(instance);
    this.#expiry.noLaterThan(instance.expiresAt);
    if (!keeps.probes) this.#probe(instance);
    return instance;
  }

  /** Renews an instance that has registered again without a change. This process itself never expires. */
  renew(instance: Instance, source: Source, registrationId = instance.registrationId): Instance {
    if (instance.local) return instance;
    const { isMirrored: wasMirrored, owner, registrationId: before } = instance;
    instance.isMirrored = isMirrored(source);
    instance.owner = source.announcer?.owner ?? null;
    instance.registrationId = registrationId;
    if (source.origin !== 'client' || wasMirrored) instance.mayShadowLocal = source.mayShadowLocal ?? false;
    instance.expiresAt = this.#expiryOf(instance.registration, source);
    instance.lastHeartbeat = this.#deps.now();
    this.#expiry.noLaterThan(instance.expiresAt);
    // The processes that share this registry learn which one has it now.
    if (instance.owner !== owner || registrationId !== before) {
      instance.serial = ++this.#serial;
      this.#publication.put(instance);
    }
    // From now on this process answers for it.
    if (wasMirrored && !instance.isMirrored) this.#own?.changed(instance);
    return instance;
  }

  /** Renews what another process has announced here. @param ttlSeconds after which it expires */
  renewAll(instances: readonly Instance[], ttlSeconds: number): void {
    const expiresAt = this.#deps.clock() + ttlSeconds * 1000;
    const now = this.#deps.now();
    for (const instance of instances) {
      instance.lastHeartbeat = now;
      if (instance.registration.ttlSeconds > 0) instance.expiresAt = expiresAt;
    }
    if (instances.length > 0) this.#expiry.noLaterThan(expiresAt);
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
      this.leave(instance);
    }
  }

  #newRegistrationId(): string {
    this.#serial += 1;
    return `${this.#deps.revisionPrefix}.${this.#serial}`;
  }

  /** A client has removed an instance, here or at a process that shares this registry. */
  remove(instance: Instance): void {
    const { service, id, ttlSeconds } = instance.registration;
    this.removals.add(service, id, instance.registrationId, ttlSeconds);
    // In the registry that all share it may be newer than here, and another process may have it by now.
    if (instance.owner === null) this.#own?.removed(instance);
    this.#delete(instance, false);
  }

  /** An instance leaves that has expired, or that another process has no more. */
  leave(instance: Instance, isExpired = false): void {
    const { service, id } = instance.registration;
    if (!instance.isMirrored) this.#own?.left(service, id);
    this.#delete(instance, isExpired);
  }

  #delete(instance: Instance, isExpired: boolean): void {
    this.#release(instance, NOTHING_KEPT);
    this.#table.remove(instance);
    this.#publication.delete(instance, isExpired);
  }

  /** Ends the probes of an instance that leaves or is replaced, and releases its row. */
  #release(instance: Instance, keeps: Kept): void {
    if (!keeps.probes) instance.stopProbes();
    if (!keeps.slot) this.#deps.slots.release(instance.slotKey, instance.slot);
  }

  /** Changes the state of an instance, if it is another one. */
  setState(instance: Instance, state: EndpointState): void {
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
    this.#publication.put(instance);
    if (!instance.isMirrored) this.#own?.changed(instance);
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
      this.setState(probed, health);
    };
    instance.stopProbes = this.#deps.health.watch(target, report);
  }

  /** Begins the health checks of an instance again. */
  probeAnew(instance: Instance): void {
    instance.stopProbes();
    this.#probe(instance);
  }

  /** @returns when an instance expires that is registered or renewed now; Infinity: never */
  #expiryOf({ ttlSeconds }: Registration, { origin, announcer }: Source): number {
    const seconds = ttlSeconds === 0 ? 0 : (announcer?.ttlSeconds ?? (origin === 'client' ? ttlSeconds : 0));
    return seconds === 0 ? Number.POSITIVE_INFINITY : this.#deps.clock() + seconds * 1000;
  }

  /** Removes instances that have expired. @returns when the next ones are to be removed */
  #expire(): number {
    const all = this.#table.all();
    const now = this.#deps.clock();
    const due = all.filter(({ expiresAt }) => expiresAt <= now);
    const expired = due.slice(0, MOST_IN_A_TURN);
    this.#publication.together(() => {
      for (const instance of expired) this.leave(instance, true);
    });
    if (expired.length > 0) this.#deps.expired?.(expired.map(({ registration }) => registration));
    if (expired.length < due.length) return now;
    return all.reduce(
      (next, { expiresAt }) => (expiresAt > now ? Math.min(next, expiresAt) : next),
      Infinity,
    );
  }
}
