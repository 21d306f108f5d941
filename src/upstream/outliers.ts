// Reports the end of calls to the cells that eject outliers. Failures in a row are counted over all workers,
// and the instances of the service at the moment of the decision.

import type { Endpoint } from '../registry/endpoint.js';
import { mayEject } from '../resilience/ejection.js';
import type { AttemptOutcome } from '../resilience/policy.js';

export interface OutlierCells {
  succeeded(slot: number): void;
  /** @returns true when the endpoint failed often enough in a row to be ejected */
  failed(slot: number): boolean;
  eject(slot: number, hasRoom: () => boolean): void;
  isEjected(slot: number): boolean;
}

/** Is called with the end of every call of an endpoint. */
export interface OutlierWatch {
  ended(endpoint: Endpoint, reached: AttemptOutcome): void;
}

/** Ejects no endpoint. */
export const NOT_WATCHED: OutlierWatch = { ended: () => undefined };

export interface OutliersOptions {
  readonly cells: OutlierCells;
  /** The present endpoints, not those at the time of the call. */
  readonly endpoints: (service: string, protocol: Endpoint['protocol']) => readonly Endpoint[];
}

export class Outliers implements OutlierWatch {
  readonly #options: OutliersOptions;

  constructor(options: OutliersOptions) {
    this.#options = options;
  }

  ended(endpoint: Endpoint, reached: AttemptOutcome): void {
    const { cells } = this.#options;
    if (reached === 'success') cells.succeeded(endpoint.slot);
    else if (reached === 'failure' && cells.failed(endpoint.slot)) this.#eject(endpoint);
  }

  #eject({ service, protocol, slot }: Endpoint): void {
    const { cells, endpoints } = this.#options;
    cells.eject(slot, () => hasRoom(endpoints(service, protocol), slot, (other) => cells.isEjected(other)));
  }
}

/** Whether one more endpoint may be ejected; false also for an endpoint that has left. */
export function hasRoom(
  endpoints: readonly Pick<Endpoint, 'slot' | 'state'>[],
  slot: number,
  isEjected: (slot: number) => boolean,
): boolean {
  let [instances, ejected, others] = [0, 0, 0];
  let present = false;
  for (const endpoint of endpoints) {
    if (endpoint.state === 'draining') continue;
    instances++;
    if (endpoint.slot === slot) present = true;
    else if (isEjected(endpoint.slot)) ejected++;
    else if (endpoint.state === 'healthy') others++;
  }
  return present && mayEject(instances, ejected, others);
}

export interface EjectionListener {
  ejected(slot: number, times: number, forMs: number): void;
  returned(slot: number): void;
}

/**
 * Resets the breaker of an endpoint that is ejected or returns: calls that were counted before, or end in the
 * meantime, no longer count.
 */
export function forgettingBreakers(
  breakers: { forget(slot: number): void },
  news: EjectionListener,
): EjectionListener {
  return {
    ejected(slot, times, forMs) {
      breakers.forget(slot);
      news.ejected(slot, times, forMs);
    },
    returned(slot) {
      breakers.forget(slot);
      news.returned(slot);
    },
  };
}
