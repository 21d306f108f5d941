// The truth about instances, held by the primary: who exists, who is well, who has to be renewed by when.
// Workers see it as snapshots, watchers as changes. Nothing here is shared; every change is made in one turn
// of the loop, published in the same turn, and seen by all workers on their next call.
import { HttpError, NotFoundError, UnavailableError } from '../errors.js';
import type { Address } from './addresses.js';
import { ChangeLog, type LogEntry } from './change-log.js';
import type { Endpoint, EndpointState, RegistrySnapshot } from './endpoint.js';
import { ExpiryTimer } from './expiry.js';
import type { HealthWatcher } from './health.js';
import type { Health } from './health-rule.js';
import { bytesOf, endpointOf, type Instance, type InstanceView, isSame, viewOf } from './instance.js';
import {
  assertInstanceName,
  assertServiceName,
  parseRegistration,
  type Registration,
} from './registration.js';
import type { Schedule } from './schedule.js';

export type RegistryChange =
  | { readonly type: 'put'; readonly service: string; readonly instance: InstanceView }
  | { readonly type: 'delete'; readonly service: string; readonly id: string };

/** Who asks. */
export interface Registrant {
  /** Whether it may speak for services that are mounted in this very process. */
  readonly mayShadowLocal: boolean;
}

export interface RegistryDependencies {
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
  /** Wall clock, for people. */
  readonly now: () => Date;
  readonly schedule: Schedule;
  readonly publish: (snapshot: RegistrySnapshot) => void;
  readonly slots: { take(key: string): number | undefined; release(key: string, slot: number): void };
  /** `arrive`: an instance has come, or has become well. */
  readonly ejections: { isEjected(slot: number): boolean; arrive(slot: number): void };
  readonly addresses: { admit(address: Address): Promise<string> };
  readonly health: HealthWatcher;
  /** Unlike that of any other process; no `-` in it. */
  readonly revisionPrefix: string;
  /** Longest snapshot that can be published. */
  readonly maxSnapshotBytes: number;
}

/** The snapshot without its endpoints. */
const ENVELOPE_BYTES = 256;
const STOPPED = (): void => undefined;

export class Registry {
  readonly #deps: RegistryDependencies;
  readonly #log: ChangeLog<RegistryChange>;
  readonly #services = new Map<string, Map<string, Instance>>();
  /** Of the snapshot, so that it always fits its page. */
  #bytes = ENVELOPE_BYTES;
  readonly #expiry: ExpiryTimer;
  #isGathering = false;

  constructor(dependencies: RegistryDependencies) {
    this.#deps = dependencies;
    this.#log = new ChangeLog(dependencies.revisionPrefix);
    this.#expiry = new ExpiryTimer(dependencies, () => this.#expire());
    this.#publish();
  }

  get revision(): string {
    return this.#log.revision;
  }

  /**
   * Adds an instance, or replaces the one of this id.
   * @throws ValidationError; HttpError ADDRESS_NOT_ALLOWED, OVERLOADED when there is no room for another one
   */
  async put(
    service: string,
    id: string,
    body: unknown,
    registrant: Registrant,
  ): Promise<{ readonly created: boolean; readonly instance: InstanceView }> {
    const registration = parseRegistration(service, id, body);
    this.#refuseLocal(service, id, registrant);
    const address = await this.#deps.addresses.admit(registration);
    // Names are resolved while others register: whether it is new is known only now.
    this.#refuseLocal(service, id, registrant);
    const created = this.#find(service, id) === undefined;
    const state = registration.healthCheckPath === null ? 'healthy' : 'starting';
    return { created, instance: this.#view(this.#enter(registration, address, state, false)) };
  }

  /**
   * A service mounted in this process: never expires, is not probed, cannot be changed from outside.
   * @param options `state` is `starting` until the service's database is migrated; default `healthy`
   * @throws ValidationError; HttpError OVERLOADED when the tables are full
   */
  registerLocal(
    service: string,
    host: string,
    port: number,
    options: Partial<Pick<Endpoint, 'protocol' | 'metadata'>> & {
      readonly state?: 'starting' | 'healthy';
    } = {},
  ): void {
    const { protocol = 'http', metadata = {}, state = 'healthy' } = options;
    const registration = parseRegistration(service, `${host}:${port}`, { host, port, protocol, metadata });
    this.#enter(registration, registration.host, state, true);
  }

  /** Changes the state of every local instance of a service. */
  setLocalState(service: string, state: 'starting' | 'healthy' | 'draining'): void {
    this.#together(() => {
      for (const instance of this.#services.get(service)?.values() ?? []) {
        if (instance.local) this.#setState(instance, state);
      }
    });
  }

  /** @throws NotFoundError: register again. HttpError ADDRESS_NOT_ALLOWED for an instance of this process */
  heartbeat(service: string, id: string): void {
    const instance = this.#require(service, id);
    instance.lastHeartbeat = this.#deps.now();
    instance.expiresAt = this.#expiryOf(instance.registration);
  }

  /** No new calls go there. It still expires, and stays until it is removed. @throws as heartbeat */
  drain(service: string, id: string): void {
    this.#setState(this.#require(service, id), 'draining');
  }

  /** @throws as heartbeat */
  remove(service: string, id: string): void {
    this.#leave(this.#require(service, id));
  }

  /** It has been ejected, or has returned: those who watch are told. Nothing happens when it has left. */
  ejectionChanged(service: string, id: string): void {
    const instance = this.#find(service, id);
    if (instance !== undefined) this.#changed({ type: 'put', service, instance: this.#view(instance) });
  }

  /** Whose row of the shared tables this is. */
  at(slot: number): { readonly service: string; readonly id: string } | undefined {
    for (const instances of this.#services.values()) {
      for (const instance of instances.values()) if (instance.slot === slot) return instance.registration;
    }
    return undefined;
  }

  /** Number of instances by service. */
  services(): Readonly<Record<string, number>> {
    const counts = Object.create(null) as Record<string, number>;
    for (const [service, instances] of this.#services) counts[service] = instances.size;
    return counts;
  }

  /** Number of instances by service and state, for metrics. */
  states(): readonly { readonly service: string; readonly state: EndpointState; readonly count: number }[] {
    return [...this.#services].flatMap(([service, instances]) => {
      const counts = new Map<EndpointState, number>();
      for (const instance of instances.values()) {
        const state = this.#stateOf(instance);
        counts.set(state, (counts.get(state) ?? 0) + 1);
      }
      return [...counts].map(([state, count]) => ({ service, state, count }));
    });
  }

  /** Empty for a service without instances. @throws ValidationError for a name that is none */
  instances(service: string): readonly InstanceView[] {
    assertServiceName(service);
    return [...(this.#services.get(service)?.values() ?? [])].map((instance) => this.#view(instance));
  }

  /** What changed after a revision; undefined when it is not known (any more). */
  since(revision: string): readonly LogEntry<RegistryChange>[] | undefined {
    return this.#log.since(revision);
  }

  /** @returns how to stop listening */
  listen(listener: (entry: LogEntry<RegistryChange>) => void): () => void {
    return this.#log.listen(listener);
  }

  /** Stops timers and probes. */
  close(): void {
    this.#expiry.stop();
    for (const instances of this.#services.values()) {
      for (const instance of instances.values()) instance.stopProbes();
    }
  }

  #find(service: string, id: string): Instance | undefined {
    return this.#services.get(service)?.get(id);
  }

  #require(service: string, id: string): Instance {
    assertInstanceName(service, id);
    const instance = this.#find(service, id);
    if (instance === undefined) throw new NotFoundError(`Instance ${id} of ${service} is not registered.`);
    if (instance.local) throw localInstance(id);
    return instance;
  }

  #refuseLocal(service: string, id: string, registrant: Registrant): void {
    if (this.#find(service, id)?.local === true) throw localInstance(id);
    const mounted = [...(this.#services.get(service)?.values() ?? [])].some((instance) => instance.local);
    if (mounted && !registrant.mayShadowLocal) {
      throw new HttpError(
        'ADDRESS_NOT_ALLOWED',
        `Service ${service} is mounted in this process; others need a token that was given for it.`,
      );
    }
  }

  #enter(registration: Registration, address: string, state: EndpointState, local: boolean): Instance {
    const { service, id } = registration;
    const before = this.#find(service, id);
    if (before !== undefined && before.state !== 'draining' && isSame(before, registration, address)) {
      return this.#renew(before);
    }

    const slotKey = `${service} ${id} ${address} ${registration.port}`;
    const stayed = before?.slotKey === slotKey;
    const bytes = bytesOf(registration, address, local);
    if (this.#bytes - (before?.bytes ?? 0) + bytes > this.#deps.maxSnapshotBytes) throw full();
    const slot = stayed ? before!.slot : this.#deps.slots.take(slotKey);
    if (slot === undefined) throw full();
    if (before !== undefined) this.#release(before, stayed);

    const instance: Instance = {
      registration,
      address,
      slot,
      slotKey,
      local,
      bytes,
      state: stayed && keepsHealth(before!, registration) ? before!.state : state,
      expiresAt: local ? Number.POSITIVE_INFINITY : this.#expiryOf(registration),
      lastHeartbeat: local ? null : this.#deps.now(),
      stopProbes: STOPPED,
    };
    this.#bytes += bytes;
    this.#instancesOf(service).set(id, instance);
    if (instance.state === 'healthy' && !(stayed && before?.state === 'healthy'))
      this.#deps.ejections.arrive(slot);
    this.#changed({ type: 'put', service, instance: this.#view(instance) });
    this.#expiry.noLaterThan(instance.expiresAt);
    this.#probe(instance);
    return instance;
  }

  /** The same again is a heartbeat. */
  #renew(instance: Instance): Instance {
    if (instance.local) return instance;
    instance.expiresAt = this.#expiryOf(instance.registration);
    instance.lastHeartbeat = this.#deps.now();
    return instance;
  }

  #leave(instance: Instance): void {
    const { service, id } = instance.registration;
    this.#release(instance, false);
    const instances = this.#services.get(service);
    instances?.delete(id);
    if (instances?.size === 0) this.#services.delete(service);
    this.#changed({ type: 'delete', service, id });
  }

  #release(instance: Instance, keepSlot: boolean): void {
    instance.stopProbes();
    this.#bytes -= instance.bytes;
    if (!keepSlot) this.#deps.slots.release(instance.slotKey, instance.slot);
  }

  #setState(instance: Instance, state: EndpointState): void {
    if (instance.state === state) return;
    instance.state = state;
    if (state === 'healthy') this.#deps.ejections.arrive(instance.slot);
    this.#changed({ type: 'put', service: instance.registration.service, instance: this.#view(instance) });
  }

  #view(instance: Instance): InstanceView {
    return viewOf(instance, this.#stateOf(instance));
  }

  /**
   * Workers see what it is by its own account, and by the cells who is ejected: later than them nothing is
   * decided here.
   */
  #stateOf({ state, slot }: Instance): EndpointState {
    return state === 'healthy' && this.#deps.ejections.isEjected(slot) ? 'ejected' : state;
  }

  #probe(instance: Instance): void {
    const { healthCheckPath: path, host, port, metadata } = instance.registration;
    if (path === null) return;
    const target = { address: instance.address, port, path, host, metadata };
    const report = (health: Health): void => {
      if (health !== 'unknown' && instance.state !== 'draining') this.#setState(instance, health);
    };
    instance.stopProbes = this.#deps.health.watch(target, report);
  }

  #changed(change: RegistryChange): void {
    this.#log.append(change);
    if (!this.#isGathering) this.#publish();
  }

  /** Publishes once for all that `change` changes: a snapshot of a thousand instances takes milliseconds. */
  #together(change: () => void): void {
    const { revision } = this;
    this.#isGathering = true;
    change();
    this.#isGathering = false;
    if (this.revision !== revision) this.#publish();
  }

  #publish(): void {
    const endpoints: Endpoint[] = [];
    for (const instances of this.#services.values()) {
      for (const instance of instances.values()) endpoints.push(endpointOf(instance));
    }
    this.#deps.publish({ revision: this.#log.revision, endpoints });
  }

  #expiryOf({ ttlSeconds }: Registration): number {
    return ttlSeconds === 0 ? Number.POSITIVE_INFINITY : this.#deps.clock() + ttlSeconds * 1000;
  }

  /** @returns when the next one expires */
  #expire(): number {
    const all = [...this.#services.values()].flatMap((instances) => [...instances.values()]);
    const now = this.#deps.clock();
    this.#together(() => {
      for (const instance of all) if (instance.expiresAt <= now) this.#leave(instance);
    });
    return all.reduce(
      (next, { expiresAt }) => (expiresAt > now ? Math.min(next, expiresAt) : next),
      Infinity,
    );
  }

  #instancesOf(service: string): Map<string, Instance> {
    let instances = this.#services.get(service);
    if (instances === undefined) {
      instances = new Map();
      this.#services.set(service, instances);
    }
    return instances;
  }
}

/** Another weight says nothing about health; another check, or the end of a drain, starts anew. */
function keepsHealth(before: Instance, { healthCheckPath }: Registration): boolean {
  return (
    !before.local && before.state !== 'draining' && before.registration.healthCheckPath === healthCheckPath
  );
}

function full(): HttpError {
  return new UnavailableError('OVERLOADED', 'The registry has no room for another instance.', 60);
}

function localInstance(id: string): HttpError {
  return new HttpError('ADDRESS_NOT_ALLOWED', `Instance ${id} is this process itself.`);
}
