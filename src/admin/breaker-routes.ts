// The routes of breakers: their states, and the operator's command to force one open or closed.
import { NotFoundError } from '../errors.js';
import type { BreakerControl, BreakerState } from '../resilience/breaker-contract.js';
import { coalescedAfresh } from '../telemetry/coalesced.js';
import type { BreakerOwners } from '../upstream/breaker-owners.js';
import { type AdminRoute, JSON_UTF8 } from './admin-route.js';
import { BodyFields } from './body-fields.js';
import { jsonList } from './json-list.js';
import { switchChange } from './operator-value.js';
import { type BreakerTimes, breakerView } from './views/breaker-list.js';

const FORCES = ['open', 'closed', 'auto'] as const;
type Force = (typeof FORCES)[number];

/** @param times the clocks now: breakers have the time of one, people read the other */
export function breakerRoutes(
  registry: BreakerOwners,
  breakers: BreakerControl,
  times: () => BreakerTimes,
): readonly AdminRoute[] {
  const viewOf = (service: string, instance: string, slot: number) => {
    const [state, tripped] = [breakers.state(slot), breakers.tripped(slot)];
    return breakerView(
      { service, instance },
      { state, tripped, transitions: breakers.transitions(slot) },
      times(),
    );
  };
  function* views(): Generator<object> {
    for (const service of Object.keys(registry.services()))
      for (const { id, slot } of registry.instances(service)) yield viewOf(service, id, slot);
  }
  // There may be thousands of instances, and clients that ask at the same time share one list. It shows what
  // an operator has forced before.
  const list = coalescedAfresh(() => jsonList('{"items":[', views(), '],"nextCursor":null}'));
  return [
    {
      method: 'GET',
      path: '/breakers',
      handler: async () => ({ status: 200, bytes: await list(), headers: JSON_UTF8 }),
    },
    {
      method: 'PUT',
      path: '/breakers/:service/:instance',
      handler({ params, body }) {
        const { service = '', instance = '' } = params;
        const found = registry.instances(service).find(({ id }) => id === instance);
        if (found === undefined)
          throw new NotFoundError(`Instance ${instance} of ${service} is not registered.`);
        const { force, reason } = commandOf(body);
        const before = forcedIn(breakers.state(found.slot));
        breakers.force(found.slot, force);
        const change = switchChange(`breaker ${service} ${instance}`, before, force, reason);
        return { status: 200, json: viewOf(service, instance, found.slot), change };
      },
    },
  ];
}

/** @throws ValidationError */
function commandOf(body: unknown): { readonly force: Force; readonly reason: string | null } {
  const fields = new BodyFields(body, ['force', 'reason']);
  return fields.checked({ force: fields.oneOf('force', FORCES), reason: fields.reason() });
}

function forcedIn({ state }: BreakerState): Force {
  if (state === 'forced-open') return 'open';
  return state === 'forced-closed' ? 'closed' : 'auto';
}
