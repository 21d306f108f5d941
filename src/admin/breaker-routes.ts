// Breakers over the admin plane: what they are doing, and the operator's hand on them.
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
            registry.instances(service).map(({ id, slot }) => show(service, id, slot, breakers)),
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
        return { status: 200, json: show(service, instance, found.slot, breakers) };
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

function show(service: string, instance: string, slot: number, breakers: BreakerControl) {
  return { service, instance, ...describe(breakers.state(slot)), transitions: breakers.transitions(slot) };
}

/** Every row has the same members; what is not valid in a state is null. */
function describe(state: BreakerState) {
  const nothing = { window: null, probes: null, retryInMs: null };
  switch (state.state) {
    case 'closed':
      return {
        state: 'closed',
        forced: false,
        ...nothing,
        window: { calls: state.calls, failures: state.failures },
      };
    case 'open':
      return { state: 'open', forced: false, ...nothing, retryInMs: Math.ceil(state.retryInMs) };
    case 'half-open': {
      const { permitted, taken, succeeded } = state;
      return { state: 'half-open', forced: false, ...nothing, probes: { permitted, taken, succeeded } };
    }
    case 'forced-open':
      return { state: 'open', forced: true, ...nothing };
    case 'forced-closed':
      return { state: 'closed', forced: true, ...nothing };
  }
}
