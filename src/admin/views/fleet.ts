// The instances of all services, as far as the views need them: how many are in which state, and which ones
// an operator should look at. There may be thousands, so they are looked at in several turns of the event
// loop, and the lists of single ones are bounded.
import type { InstanceView } from '../../registry/instance.js';
import type { BreakerControl, BreakerState, WindowCounts } from '../../resilience/breaker-contract.js';
import { Pace, type Rest } from '../../telemetry/pace.js';

export interface BreakerOwner {
  readonly service: string;
  readonly instance: string;
  readonly slot: number;
}

/** An instance that is named because of its breaker. */
export interface SeenBreaker extends BreakerOwner {
  readonly breaker: BreakerState;
  /** The counts of the window that opened it. */
  readonly tripped: WindowCounts | undefined;
}

export interface ServiceFleet {
  readonly states: Record<string, number>;
  instances: number;
  /** The first few instances of each state that is not `healthy`. */
  readonly named: Record<string, string[]>;
}

export interface Fleet {
  readonly services: ReadonlyMap<string, ServiceFleet>;
  /** The first MOST_LISTED breakers that are not closed or are forced. */
  readonly notable: readonly SeenBreaker[];
  /** All of those, also those that are not listed. */
  readonly notableCount: number;
}

export interface FleetSources {
  readonly registry: {
    services(): Readonly<Record<string, number>>;
    views(service: string): Iterable<Pick<InstanceView, 'id' | 'slot' | 'state'>>;
  };
  /** Breakers that services have by name. */
  readonly namedBreakers: () => readonly BreakerOwner[];
  readonly breakers: Pick<BreakerControl, 'state' | 'tripped'>;
  /** Called after each few instances. @default the pace of the thread */
  readonly rest?: Rest;
}

export const MOST_LISTED = 200;
/** Instances of a service that are named for each state. */
export const MOST_NAMED = 5;
const INSTANCES_PER_LOOK = 32;

export const isNotable = ({ state }: BreakerState): boolean => state !== 'closed';

function name({ named }: ServiceFleet, state: string, instance: string): void {
  named[state] ??= [];
  if (named[state].length < MOST_NAMED) named[state].push(instance);
}

export async function lookAtFleet(sources: FleetSources): Promise<Fleet> {
  const { registry, breakers, rest = new Pace().rest } = sources;
  const services = new Map<string, ServiceFleet>();
  const notable: SeenBreaker[] = [];
  let notableCount = 0;
  const look = (owner: BreakerOwner): void => {
    const breaker = breakers.state(owner.slot);
    if (!isNotable(breaker)) return;
    notableCount += 1;
    if (notable.length < MOST_LISTED)
      notable.push({ ...owner, breaker, tripped: breakers.tripped(owner.slot) });
  };
  let seen = 0;
  for (const service of Object.keys(registry.services())) {
    const fleet: ServiceFleet = { states: {}, instances: 0, named: {} };
    services.set(service, fleet);
    for (const { id: instance, slot, state } of registry.views(service)) {
      fleet.states[state] = (fleet.states[state] ?? 0) + 1;
      fleet.instances += 1;
      if (state !== 'healthy') name(fleet, state, instance);
      look({ service, instance, slot });
      if (++seen % INSTANCES_PER_LOOK === 0) await rest();
    }
  }
  for (const owner of sources.namedBreakers()) look(owner);
  return { services, notable, notableCount };
}
