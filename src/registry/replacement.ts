// What an instance keeps of the one with its name that it replaces.
import { schemeOf } from './endpoint.js';
import type { Instance } from './instance.js';
import type { Registration } from './registration.js';

export interface Kept {
  /** Its row of the shared tables: the address and the port are the same. */
  readonly slot: boolean;
  /** Its state. */
  readonly health: boolean;
  /** Its health checks, which send the same. */
  readonly probes: boolean;
}

export const NOTHING_KEPT: Kept = { slot: false, health: false, probes: false };

/**
 * An instance of another process or a client keeps its state, unless it was draining or its health check has
 * changed. An instance of this process gets the state with which it is registered.
 * @param slotKey that of the new instance
 */
export function keptOf(before: Instance | undefined, registration: Registration, slotKey: string): Kept {
  if (before?.slotKey !== slotKey) return NOTHING_KEPT;
  const { host, healthCheckPath } = before.registration;
  const health =
    !before.local && before.state !== 'draining' && healthCheckPath === registration.healthCheckPath;
  const isProbedAlike =
    host === registration.host && schemeOf(before.registration) === schemeOf(registration);
  return { slot: true, health, probes: health && isProbedAlike };
}
