// The routes of breakers: their states, and the operator's command to force one open or closed.
import { NotFoundError, ValidationError } from '../errors.js';
import type { BreakerControl, BreakerState } from '../resilience/breaker-contract.js';
import type { BreakerOwners } from '../upstream/breaker-owners.js';
import type { AdminRoute } from './admin-route.js';

const FORCES = ['open', 'closed', 'auto'] as const;
type Force = (typeof FORCES)[number];

export function breakerRoutes(registry: BreakerOwners, breakers: BreakerControl): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/breakers',
      handler: () => ({
        status: 200,
        json: {
          items: Object.keys(registry.services()).flatMap((service) =>
            registry.instances(service).map(({ id, slot }) => viewOf(service, id, slot, breakers)),
          ),
          nextCursor: null,
        },
      }),
    },
    {
      method: 'PUT',
      path: '/breakers/:service/:instance',
      handler({ params, body }) {
        const { service = '', instance = '' } = params;
        const found = registry.instances(service).find(({ id }) => id === instance);
        if (found === undefined)
          throw new NotFoundError(`Instance ${instance} of ${service} is not registered.`);
        breakers.force(found.slot, forceOf(body));
        return { status: 200, json: viewOf(service, instance, found.slot, breakers) };
      },
    },
  ];
}

function forceOf(body: unknown): Force {
  const force = typeof body === 'object' && body !== null && 'force' in body ? body.force : undefined;
  const known = FORCES.find((name) => name === force);
  if (known === undefined) {
    throw new ValidationError([{ path: '/force', message: `must be one of ${FORCES.join(', ')}` }]);
  }
  return known;
}

function viewOf(service: string, instance: string, slot: number, breakers: BreakerControl) {
  return { service, instance, ...stateFields(breakers.state(slot)), transitions: breakers.transitions(slot) };
}

/** Every row has the same members; those that a state does not have are null. */
function stateFields(state: BreakerState) {
  const none = { window: null, probes: null, retryInMs: null };
  switch (state.state) {
    case 'closed':
      return {
        state: 'closed',
        forced: false,
        ...none,
        window: { calls: state.calls, failures: state.failures },
      };
    case 'open':
      return { state: 'open', forced: false, ...none, retryInMs: Math.ceil(state.retryInMs) };
    case 'half-open': {
      const { permitted, taken, succeeded } = state;
      return { state: 'half-open', forced: false, ...none, probes: { permitted, taken, succeeded } };
    }
    case 'forced-open':
      return { state: 'open', forced: true, ...none };
    case 'forced-closed':
      return { state: 'closed', forced: true, ...none };
  }
}
