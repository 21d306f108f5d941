// What the ejection cells hold, as the balancer asks for it.
import { slowStart } from '../resilience/ejection.js';
import type { EndpointStatus, EndpointStatuses } from './balancer.js';

/** Each state carries what is valid in it. */
export type EjectionState =
  | { readonly state: 'in' }
  | { readonly state: 'starting'; readonly ageMs: number }
  | { readonly state: 'ejected'; readonly leftMs: number };

export interface EndpointStatusCells {
  version(): number;
  state(slot: number): EjectionState;
}

/**
 * A share may be the old one for this much longer: many that come one after the other are many steps a
 * second.
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
