// What the pipeline tells others about requests, and what it asks them. The wiring implements these over
// shared memory; the pipeline itself keeps no statistics.
import type { AddressKey } from '../memory/address-cells.js';
import type { AdmissionGate, Priority } from '../resilience/admission.js';
import type { BulkheadOptions } from '../resilience/bulkhead-options.js';
import type { BulkheadQueue } from '../resilience/bulkhead-queue.js';
import type { Quota } from '../resilience/quota.js';

/** Counts requests of one route and method. Got once and kept: nothing is looked up while serving. */
export interface RouteMeter {
  /**
   * A request has arrived. Every `begin` is followed by exactly one `end`.
   * @param at `performance.now()` milliseconds
   * @returns what to hand to `end`
   */
  begin(at: number): number;
  /**
   * From now on the route's handler runs synchronously on this thread.
   * @param at `performance.now()` milliseconds
   * @returns what to hand to `leave`: a call dispatched in-process nests inside its caller's handler
   */
  enter(at: number): number;
  leave(before: number): void;
  /**
   * @param begun from `begin`
   * @param status of the answer; 499 when the client left before it was complete
   * @param microseconds since the end of the request header
   * @param error code of the problem document, undefined when the answer is none
   */
  end(begun: number, status: number, microseconds: number, error: string | undefined): void;
}

export interface RequestObserver {
  /**
   * @param method upper case, `_OTHER` for one we do not know
   * @param template `/api/users/{id}`; undefined for requests that no route matched
   */
  meter(method: string, template: string | undefined): RouteMeter;
  /** A guard or limit of the edge turned a request away. @param reason `body_too_large`, `cross_site`, … */
  refused(reason: string): void;
}

/** Admits requests while not too many are in flight, counted over all workers of the process. */
export interface RequestGates {
  /** For one route. @param name of the route, the same in all workers */
  gate(priority: Priority, name: string): AdmissionGate;
  /** For one route with the option `maxConcurrent`. @param name of the route, the same in all workers */
  bulkhead(name: string, options: Required<BulkheadOptions>): BulkheadQueue;
}

/**
 * What requests may hold of the process beside their permits, counted over all workers and by client address.
 */
export interface RequestQuotas {
  /** Requests whose body is on its way: MAX_PENDING_BODIES. */
  readonly bodies: Quota<AddressKey>;
  /** MAX_BUFFERED_BODY_BYTES */
  readonly bodyBytes: Quota<AddressKey>;
  /** Responses that stream: MAX_STREAMS, MAX_STREAMS_PER_ADDRESS. */
  readonly streams: Quota<AddressKey>;
  /** @param network of `networkOf` */
  addressKey(network: string): AddressKey;
}
