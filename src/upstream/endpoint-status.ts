// Translates the state of the ejection cells into the shares that the balancer uses.
import { slowStart } from '../resilience/ejection.js';
import type { EndpointStatus, EndpointStatuses } from './balancer.js';

/** The ejection state of an endpoint, with the values that it has. `in`: neither new nor ejected. */
export type EjectionState =
  | { readonly state: 'in' }
  | { readonly state: 'starting'; readonly ageMs: number }
  | { readonly state: 'ejected'; readonly leftMs: number };

export interface EndpointStatusCells {
  version(): number;
  state(slot: number): EjectionState;
}

/**
 * A share may be out of date by this much: when many endpoints register one after the other, their shares
 * change many times a second.
 */
const STEPS_APART_MS = 100;

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
      return { share, forMs: Math.max(nextMs, STEPS_APART_MS) };
    },
  };
}
