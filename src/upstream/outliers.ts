// Reports the end of calls to the cells that eject outliers. Failures in a row are counted over all workers,
// and the instances of the service at the moment of the decision.
//
// Some ends show nothing by themselves. A caller with little patience has left, and the endpoint may hang, or
// need more time for this request; a response was too large, and the endpoint may send garbage, or what was
// requested. The other endpoints decide: such an end is a failure where at least half of them have responded
// lately, in less than half of the time, and have given no such cause for doubt. So a service that is slow as
// a whole, or a route whose responses are too large at every endpoint, ejects none.
//
// Only endpoints that get the same requests can be compared. All calls of a `hashKey` go to one endpoint,
// which may be the only one with that work; and calls that name a version go to the endpoints of one release.

import type { Endpoint } from '../registry/endpoint.js';
import { mayEject } from '../resilience/ejection.js';
import type { AttemptOutcome } from '../resilience/policy.js';
import type { Route } from './balancer.js';

export interface OutlierCells {
  succeeded(slot: number): void;
  /** @returns true when the endpoint failed often enough in a row to be ejected */
  failed(slot: number): boolean;
  eject(slot: number, hasRoom: () => boolean): void;
  isEjected(slot: number): boolean;
}

/** What decides with which others an endpoint is compared. */
export type ComparedRoute = Pick<Route, 'hashKey' | 'version'>;

/** Is called with the end of every call of an endpoint. */
export interface OutlierWatch {
  ended(endpoint: Endpoint, reached: AttemptOutcome): void;
  /**
   * Call when an attempt was ended after this time, before there was a response.
   * @param route which endpoints the call might use
   * @returns whether others do better, so that it counts as a failure
   */
  unanswered(endpoint: Endpoint, tookMs: number, route: ComparedRoute): boolean;
  /** Call when a response was larger than is accepted. @returns as `unanswered` */
  oversized(endpoint: Endpoint, route: ComparedRoute): boolean;
}

/** Ejects no endpoint. */
export const NOT_WATCHED: OutlierWatch = {
  ended: () => undefined,
  unanswered: () => false,
  oversized: () => false,
};

/** What is known of endpoints by slot, over all threads (memory/endpoint-cells.ts). */
export interface EndpointRecords {
  /** Whether the endpoint has lately responded, in less than this time. */
  hasResponded(slot: number, microseconds: number, now: number): boolean;
  /** Marks that the endpoint gives cause for doubt. */
  doubt(slot: number): void;
  /** Whether the endpoint has lately given cause for doubt. */
  isDoubted(slot: number, now: number): boolean;
  now(): number;
}

/** Others respond in less than this part of the time that an endpoint was given. */
const FASTER = 1 / 2;
/** The most others that are compared; of more, these are a sample. */
const MOST_COMPARED = 32;

export interface OutliersOptions {
  readonly cells: OutlierCells;
  readonly records: EndpointRecords;
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

  unanswered(endpoint: Endpoint, tookMs: number, route: ComparedRoute): boolean {
    return this.#isOutlying(endpoint, tookMs * 1000 * FASTER, route);
  }

  oversized(endpoint: Endpoint, route: ComparedRoute): boolean {
    return this.#isOutlying(endpoint, Number.POSITIVE_INFINITY, route);
  }

  /** Counts an end as a failure if most others do better: they respond in less than this time. */
  #isOutlying(endpoint: Endpoint, microseconds: number, { hashKey, version }: ComparedRoute): boolean {
    if (hashKey !== undefined) return false;
    const { cells, records, endpoints } = this.#options;
    const { service, protocol, slot } = endpoint;
    const now = records.now();
    const present = endpoints(service, protocol);
    const all = version === undefined ? present : present.filter((one) => one.version === version);
    const step = Math.ceil(all.length / MOST_COMPARED);
    let [compared, faster, sound] = [0, 0, 0];
    for (let at = slot % step; at < all.length; at += step) {
      const other = all[at]!;
      if (other.slot === slot || other.state !== 'healthy' || cells.isEjected(other.slot)) continue;
      const isDoubted = records.isDoubted(other.slot, now);
      const isFaster = records.hasResponded(other.slot, microseconds, now);
      // Nothing is known of others that are never called.
      if (isFaster || isDoubted || records.hasResponded(other.slot, Number.POSITIVE_INFINITY, now))
        compared++;
      if (isFaster) faster++;
      if (isFaster && !isDoubted) sound++;
    }
    if (faster === 0 || faster * 2 < compared) return false;
    records.doubt(slot);
    if (sound * 2 < compared) return false;
    this.ended(endpoint, 'failure');
    return true;
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
