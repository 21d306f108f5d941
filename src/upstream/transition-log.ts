// Log lines about breakers that change their state and instances that are ejected or return. The thread that
// makes a change logs it, so there is one line for all threads.
import type { Logger } from 'pino';
import type { Endpoint } from '../registry/endpoint.js';

export interface TransitionEvents {
  readonly breaker: (slot: number, to: 'closed' | 'open' | 'half-open') => void;
  readonly ejected: (slot: number, times: number, forMs: number) => void;
  readonly returned: (slot: number) => void;
}

/** @returns the endpoint of a row of the shared tables; undefined when it has just left */
export type EndpointOfSlot = (slot: number) => Pick<Endpoint, 'service' | 'id'> | undefined;

export function logTransitions(
  log: Pick<Logger, 'info' | 'warn'>,
  endpointOf: EndpointOfSlot,
): TransitionEvents {
  const named = (slot: number): { service?: string; endpoint?: string } => {
    const { service, id } = endpointOf(slot) ?? {};
    return service === undefined ? {} : { service, endpoint: id! };
  };
  return {
    breaker(slot, to) {
      const level = to === 'open' ? 'warn' : 'info';
      log[level]({ ...named(slot), state: to }, 'breaker changed');
    },
    ejected(slot, times, forMs) {
      const until = new Date(Date.now() + forMs).toISOString();
      log.warn({ ...named(slot), reason: 'failures in a row', times, until }, 'instance ejected');
    },
    returned: (slot) => log.info(named(slot), 'instance returned'),
  };
}
