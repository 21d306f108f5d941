// One registered instance: the record that the registry keeps of it (Instance), what clients of the admin
// plane see of it (InstanceView), and what workers see of it (Endpoint).
import type { Endpoint, EndpointState } from './endpoint.js';
import type { Registration } from './registration.js';

/**
 * What the registry reports of an instance. The admin plane shows it to its clients, with the load of the
 * instance in place of the slot.
 */
export interface InstanceView extends Omit<Endpoint, 'service' | 'local'> {
  /** The time of the last registration or renewal, in ISO 8601; null for instances of this process. */
  readonly lastHeartbeat: string | null;
  readonly healthCheckUrl: string | null;
  readonly ttlSeconds: number;
  /** As in `Instance`. */
  readonly owner: string | null;
  readonly serial: number;
  readonly registrationId: string | null;
  /** A process itself serves it: this one, or the one that has announced it. */
  readonly isLocal: boolean;
}

/** The record of an instance. */
export interface Instance {
  readonly registration: Registration;
  /** Address to connect to: the registered host, or what its name resolved to. */
  readonly address: string;
  readonly slot: number;
  /** Service, id, address and port: the key with which the slot was taken (slot-table.ts). */
  readonly slotKey: string;
  readonly local: boolean;
  /** Whether a process of Multilane itself serves it: this one, or the one that has announced it. */
  readonly isServed: boolean;
  /** Whether another process has announced it, which then answers for it. */
  isMirrored: boolean;
  /** The process that has announced it at this one, whose registry it shares; null for all others. */
  owner: string | null;
  /** Another number after each change that other processes are told of: all but that of its health. */
  serial: number;
  /**
   * Names the registration by a client that the instance comes from, in all processes. It stays when the
   * instance drains, is renewed, or another process has it from then on. Null for what a process serves.
   */
  registrationId: string | null;
  /**
   * Whether it was entered with the right to have instances beside those of processes that serve the service
   * themselves (`mayShadowLocal`). Without it, it leaves when the first of those comes.
   */
  mayShadowLocal: boolean;
  /** The most bytes that the instance can have in the snapshot, whatever its state is (see `bytesOf`). */
  readonly bytes: number;
  state: EndpointState;
  /** Whether it has been healthy since it was registered or its health check has changed. */
  isProven: boolean;
  /** When the instance expires unless it is renewed, by the monotonic clock; Infinity: never. */
  expiresAt: number;
  /** The wall clock at the last registration or renewal, for people; null for instances of this process. */
  lastHeartbeat: Date | null;
  /** Ends the health checks of the instance. It does nothing for an instance that has none. */
  stopProbes: () => void;
}

/** Whether a new registration of the instance would change nothing, if its address is still the same. */
export function isSame(instance: Instance, registration: Registration): boolean {
  return JSON.stringify(instance.registration) === JSON.stringify(registration);
}

/** @param state the state to show, which may be `ejected` while the record has `healthy` */
export function viewOf(instance: Instance, state: EndpointState): InstanceView {
  const { registration, lastHeartbeat, slot, owner, serial, registrationId } = instance;
  const { id, host, port, protocol, weight, zone, version, metadata, healthCheckUrl, ttlSeconds } =
    registration;
  return {
    id,
    host,
    port,
    protocol,
    weight,
    zone,
    version,
    metadata,
    state,
    lastHeartbeat: lastHeartbeat?.toISOString() ?? null,
    healthCheckUrl,
    ttlSeconds,
    owner,
    serial,
    registrationId,
    isLocal: instance.isServed,
    slot,
  };
}

/**
 * The instance as workers see it. `host` is the address to connect to, and the state is never `ejected`. One
 * that has never been healthy is `starting`, also when its checks fail.
 */
export function endpointOf(
  instance: Pick<Instance, 'registration' | 'address' | 'state' | 'isProven' | 'slot' | 'local'>,
): Endpoint {
  const { service, id, port, protocol, weight, zone, version, metadata } = instance.registration;
  const { address: host, slot, local, isProven } = instance;
  const state = instance.state === 'unhealthy' && !isProven ? 'starting' : instance.state;
  return { service, id, host, port, protocol, weight, zone, version, metadata, state, slot, local };
}

/**
 * @returns the most bytes that an instance can have in the snapshot. They are counted with the longest state
 *   and slot, so that no later change of its state can make the snapshot too long
 */
export function bytesOf(registration: Registration, address: string, local: boolean): number {
  const largest = { registration, address, local, state: 'unhealthy', isProven: true, slot: 99_999 } as const;
  return Buffer.byteLength(JSON.stringify(endpointOf(largest))) + 1;
}
