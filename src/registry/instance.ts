// One registered instance: what the registry keeps of it, and how others see it.
import type { Endpoint, EndpointState } from './endpoint.js';
import type { Registration } from './registration.js';

/** An instance as the admin plane shows it; its load is added there. */
export interface InstanceView extends Omit<Endpoint, 'service' | 'local'> {
  /** ISO 8601; null for instances of this process. */
  readonly lastHeartbeat: string | null;
  readonly healthCheckUrl: string | null;
}

/** One registration and what became of it. */
export interface Instance {
  readonly registration: Registration;
  /** Address to connect to: the registered host, or what its name resolved to. */
  readonly address: string;
  readonly slot: number;
  readonly slotKey: string;
  readonly local: boolean;
  /** Bytes in the snapshot, whatever its state. */
  readonly bytes: number;
  state: EndpointState;
  /** Of the clock; Infinity: never. */
  expiresAt: number;
  lastHeartbeat: Date | null;
  stopProbes: () => void;
}

export function isSame(instance: Instance, registration: Registration, address: string): boolean {
  return (
    instance.address === address && JSON.stringify(instance.registration) === JSON.stringify(registration)
  );
}

/** @param state what others are to think of it */
export function viewOf({ registration, lastHeartbeat, slot }: Instance, state: EndpointState): InstanceView {
  const { id, host, port, protocol, weight, zone, version, metadata, healthCheckUrl } = registration;
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
    slot,
  };
}

/** The instance as workers see it. */
export function endpointOf(
  instance: Pick<Instance, 'registration' | 'address' | 'state' | 'slot' | 'local'>,
): Endpoint {
  const { service, id, port, protocol, weight, zone, version, metadata } = instance.registration;
  const { address: host, state, slot, local } = instance;
  return { service, id, host, port, protocol, weight, zone, version, metadata, state, slot, local };
}

/** With the longest state and slot, so that no later change of state can overflow the page. */
export function bytesOf(registration: Registration, address: string, local: boolean): number {
  const largest = { registration, address, local, state: 'unhealthy', slot: 99_999 } as const;
  return Buffer.byteLength(JSON.stringify(endpointOf(largest))) + 1;
}
