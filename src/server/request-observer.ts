// The interfaces by which the pipeline reports requests and asks for permits. src/worker implements them over
// shared memory; the pipeline itself keeps no statistics.
import type { AddressKey } from '../memory/address-cells.js';
import type { TraceIdentity } from '../memory/metrics/recorder.js';
import type { AdmissionGate, Priority } from '../resilience/admission.js';
import type { BulkheadOptions } from '../resilience/bulkhead-options.js';
import type { BulkheadQueue } from '../resilience/bulkhead-queue.js';
import type { Quota } from '../resilience/quota.js';

/**
 * Counts the requests of one route and method. It is kept with the route, so nothing is looked up while
 * serving.
 */
export interface RouteMeter {
  /** The number by which other threads know the route; 0 before its first request. */
  readonly routeNumber: number;
  /**
   * Counts a request that has arrived. Every `begin` is followed by exactly one `end`.
   * @param at milliseconds of `performance.now()`
   * @param requestId harmless in logs; empty for a request that has none
   * @param requestNumber of an id that `RequestIds` has made; 0 for any other
   * @returns the first argument of `end`
   */
  begin(at: number, requestId: string, requestNumber: number): number;
  /**
   * Reports that code of the route runs synchronously on this thread from now on.
   * @param at milliseconds of `performance.now()`
   * @returns the argument of `leave`: a call within the process nests inside the handler of its caller
   */
  enter(at: number): number;
  leave(before: number): void;
  /**
   * @param begun what `begin` returned
   * @param status of the response; 499 when the client left before it was complete
   * @param microseconds since the end of the request header
   * @param error code of the problem document; undefined when the response is none
   * @param trace undefined when the request is not recorded in a trace
   */
  end(
    begun: number,
    status: number,
    microseconds: number,
    error: string | undefined,
    trace?: TraceIdentity,
  ): void;
}

export interface RequestObserver {
  /**
   * @param method in upper case; `_OTHER` for an unknown method
   * @param template `/api/users/{id}`; undefined for requests that no route matched
   */
  meter(method: string, template: string | undefined): RouteMeter;
  /** @param path `/package.Service/Method`; undefined for calls whose method does not exist */
  rpcMeter(path: string | undefined): RouteMeter;
  /** Counts a request that a guard or limit of the server has rejected. @param reason `body_too_large`, … */
  refused(reason: string): void;
}

/** Admits requests while not too many are in flight, counted over all workers of the process. */
export interface RequestGates {
  /** The gate of one route. @param name of the route, the same in all workers */
  gate(priority: Priority, name: string): AdmissionGate;
  /**
   * The bulkhead of a route with the option `maxConcurrent`. @param name of the route, the same in all
   * workers
   */
  bulkhead(name: string, options: Required<BulkheadOptions>): BulkheadQueue;
}

/** What requests may hold beside their permits, counted over all workers and by client address. */
export interface RequestQuotas {
  /** Requests whose body is arriving (MAX_PENDING_BODIES). */
  readonly bodies: Quota<AddressKey>;
  /** Bytes of bodies in memory (MAX_BUFFERED_BODY_BYTES). */
  readonly bodyBytes: Quota<AddressKey>;
  /** Responses that are streamed (MAX_STREAMS, MAX_STREAMS_PER_ADDRESS). */
  readonly streams: Quota<AddressKey>;
  /** @param network of `networkOf` */
  addressKey(network: string): AddressKey;
}
