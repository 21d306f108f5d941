// The contract of a balancing strategy: given the endpoints that may be called, which one is. Which those are
// (health, panic mode, ejection, nearness, not tried yet) is decided before it, in balancer.ts.

import type { Endpoint } from '../registry/endpoint.js';
import type { Candidates } from './candidates.js';

/** What all threads together know of an endpoint, by its slot. */
export interface Load {
  /** Calls under way. */
  inFlight(slot: number): number;
  /** Smoothed latency in microseconds; 0 while too little is known. */
  latency(slot: number, now: number): number;
  /** A moment for `latency`. */
  now(): number;
}

export interface Picker {
  /** @param candidates not to be kept */
  pick(candidates: Candidates): Endpoint;
}

/** One picker is made for every service, so a picker may remember whom it picked last. */
export type PickerFactory = () => Picker;
