// Translates the state of the ejection cells into what the balancer needs: how often an endpoint may be
// picked, as a share of its usual picks. An ejected endpoint has the share 0, a new one a share that grows to
// 1.
import { slowStart } from '../resilience/ejection.js';

/** Which endpoints are ejected and which are new, by slot, the same in all threads. */
export interface EndpointStatuses {
  /** Changes whenever a status changes other than by time. */
  version(): number;
  of(slot: number): EndpointStatus;
}

export interface EndpointStatus {
  /** The share of its picks that the endpoint keeps: 0 while it is ejected, 1 after its slow start. */
  readonly share: number;
  /** Milliseconds until the share changes by time; Infinity: never. */
  readonly forMs: number;
}

/** The ejection state of an endpoint, with the values that it has. `in`: neither new nor ejected. */
export type EjectionState =
  | { readonly state: 'in' }
  | { readonly state: 'starting'; readonly ageMs: number }
  | { readonly state: 'ejected'; readonly leftMs: number };

/** The ejection cells of shared memory (memory/ejection-cells.ts). */
export interface EndpointStatusCells {
  /** Changes whenever a state changes other than by time. */
  version(): number;
  state(slot: number): EjectionState;
}

/**
 * The least time for which a share is kept, although it may be out of date then. When many endpoints register
 * one after the other, their shares would otherwise change many times a second.
 */
const LEAST_KEPT_MS = 100;

/** The status of an endpoint that is neither new nor ejected. */
const WHOLE: EndpointStatus = { share: 1, forMs: Number.POSITIVE_INFINITY };

export function endpointStatuses(
  cells: EndpointStatusCells,
  { slowStartMs }: { readonly slowStartMs: number },
): EndpointStatuses {
  return {
    version: () => cells.version(),
    of(slot) {
      const seen = cells.state(slot);
      if (seen.state === 'in') return WHOLE;
      if (seen.state === 'ejected') return { share: 0, forMs: seen.leftMs };
      const { share, nextMs } = slowStart(seen.ageMs, slowStartMs);
      return { share, forMs: Math.max(nextMs, LEAST_KEPT_MS) };
    },
  };
}
