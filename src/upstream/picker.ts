// The contract of a balancing strategy: it chooses one of the endpoints that may be called. Which those are
// (health, panic mode, ejection, nearness, not tried yet) is decided before, in balancer.ts.

import type { EndpointLook } from '../memory/endpoint-cells.js';
import type { Endpoint } from '../registry/endpoint.js';
import type { Candidates } from './candidates.js';
import type { HashCircle } from './hash-circle.js';

/** The load of endpoints by slot, counted over all threads. */
export interface Load {
  /** The number of running calls. */
  inFlight(slot: number): number;
  /** Smoothed latency in microseconds; 0 while it is not known. */
  latency(slot: number, now: number): number;
  /** The present time, for `latency`. */
  now(): number;
}

/** The load of endpoints, and what they report of themselves. */
export interface ReportedLoad extends Load {
  /** Whether the endpoint has ever reported its load. */
  hasReported(slot: number): boolean;
  /** @returns what is known of an endpoint, in an object that is valid until the next call */
  look(slot: number, now: number): Readonly<EndpointLook>;
}

/** The turns of services whose endpoints are called one after the other. */
export interface Turns {
  /**
   * @param list a hash of what the list of endpoints is for
   * @returns how often it was called before for this list, in all threads, modulo 2^32
   */
  turn(list: number): number;
}

export interface Picker {
  /** @param candidates valid during this call only */
  pick(candidates: Candidates): Endpoint;
  /**
   * Calls with the same key go to the same endpoint, while that is possible.
   * @param circle the endpoints that may be called
   * @param admits whether the endpoint may get the call; called at most once for each
   * @returns undefined when none is admitted
   */
  pickOfKey(circle: HashCircle, key: string, admits: (endpoint: Endpoint) => boolean): Endpoint | undefined;
}

/** Makes the picker of one service, so a picker may remember its last pick. */
export type PickerFactory = () => Picker;
