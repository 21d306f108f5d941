// The services of the registry with what they do now, and the graph of who calls whom.

import { eachInTurns } from '../../telemetry/pace.js';
import type { Fleet } from './fleet.js';
import { cursorOf, type Page, type PageRequest } from './pages.js';
import type { Candidate } from './route-candidates.js';
import { rate } from './route-list.js';
import type { WindowCount, WindowHistogram } from './sliding-window.js';
import type { Traffic } from './traffic.js';

export interface ServiceItem {
  readonly service: string;
  readonly local: boolean;
  readonly states: Readonly<Record<string, number>>;
  readonly instances: number;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
}

export interface MountedServices {
  /** The services that are mounted in this process. */
  readonly mounted: ReadonlySet<string>;
  /** Their requests, from `servedBy`. */
  readonly served: ReadonlyMap<string, Served>;
}

export function serviceList(
  traffic: Traffic,
  fleet: Fleet,
  { mounted, served }: MountedServices,
  request: PageRequest,
): Page<ServiceItem> {
  const { names, nextCursor } = pageOfNames(new Set([...fleet.services.keys(), ...mounted]), request);
  return {
    items: names.map((service) => {
      const { states = {}, instances = 0 } = fleet.services.get(service) ?? {};
      const local = mounted.has(service);
      const counts = local ? served.get(service)?.counts : calledAs(traffic, service);
      return {
        service,
        local,
        states,
        instances,
        perSecond: rate(counts?.perSecond),
        errorsPerSecond: rate(counts?.errorsPerSecond),
      };
    }),
    nextCursor,
  };
}

/** There may be thousands of names, which are sorted without a function that compares them. */
function pageOfNames(all: ReadonlySet<string>, { limit, after: [after = ''] = [] }: PageRequest) {
  const later = [...all].filter((name) => name > String(after)).sort();
  const names = later.slice(0, limit);
  return { names, nextCursor: later.length <= limit ? null : cursorOf([names.at(-1)!]) };
}

/** Counts of several routes together. */
export interface ServedCounts {
  perSecond: number;
  errorsPerSecond: number;
  recent: number;
  total: number;
  errors: number;
}

function calledAs(traffic: Traffic, service: string): ServedCounts | undefined {
  const calls = traffic.callsTo(service);
  return calls && plus(NOTHING, calls.durations.count, calls.errors);
}

/** The requests of a service. */
export interface Served {
  readonly counts: ServedCounts;
  /** Those of its routes that have had requests in the window. */
  readonly durations: readonly WindowHistogram[];
}

/** The requests of each service that is mounted here, by the routes that it has. */
export async function servedBy(routes: readonly Candidate[]): Promise<ReadonlyMap<string, Served>> {
  const served = new Map<string, { counts: ServedCounts; readonly durations: WindowHistogram[] }>();
  await eachInTurns(routes, ({ known, traffic }) => {
    const service = known?.service ?? null;
    if (service === null || traffic === undefined) return;
    const one = served.get(service) ?? { counts: NOTHING, durations: [] };
    served.set(service, one);
    const { durations, errors } = traffic;
    one.counts = plus(one.counts, durations.count, errors);
    if (durations.count.recent > 0) one.durations.push(durations);
  });
  return served;
}

export const NOTHING: ServedCounts = { perSecond: 0, errorsPerSecond: 0, recent: 0, total: 0, errors: 0 };

export const plus = (sum: ServedCounts, calls: WindowCount, errors: WindowCount): ServedCounts => ({
  perSecond: sum.perSecond + calls.perSecond,
  errorsPerSecond: sum.errorsPerSecond + errors.perSecond,
  recent: sum.recent + calls.recent,
  total: sum.total + calls.total,
  errors: sum.errors + errors.total,
});
