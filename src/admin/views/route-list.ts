// The routes of all services with what they do now, and the durations of one of them as a histogram.
import { NotFoundError } from '../../errors.js';
import { HISTOGRAM_EDGES_US } from '../../memory/metrics/histogram.js';
import { operationIdOf } from '../../server/docs/openapi.js';
import { type Page, type PageRequest, pageOf } from './pages.js';
import { GRPC, type RouteTraffic, type Traffic } from './traffic.js';

/** A route that workers have, as the operator's switches know it. */
export interface KnownRoute {
  readonly service: string | null;
  readonly method: string;
  /** The template. */
  readonly route: string;
  readonly state: 'on' | 'off';
}

export interface RouteListSources {
  readonly known: () => readonly KnownRoute[];
  /** Requests in flight, by `METHOD template`. */
  readonly inFlight: () => ReadonlyMap<string, number>;
  /** Shares of the busy time of the workers, by route; undefined: not measured. */
  readonly cpuShares: (() => readonly { readonly route: string; readonly ratio: number }[]) | undefined;
  /** The address of the data plane; undefined until it is known. */
  readonly dataPlane: () => string | undefined;
}

export interface RouteItem {
  readonly method: string;
  readonly route: string;
  readonly service: string | null;
  readonly requests: number;
  readonly perSecond: number;
  readonly errors: number;
  readonly errorsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
  readonly cpuRatio: number | null;
  readonly stalls: number;
  readonly inFlight: number;
  readonly off: boolean;
  readonly docs: string | null;
}

/** A route that has had requests, or that workers have, or both. */
interface Candidate {
  readonly method: string;
  readonly route: string;
  readonly traffic: RouteTraffic | undefined;
  readonly known: KnownRoute | undefined;
}

const keyOf = (method: string, route: string): string => `${method} ${route}`;

export function routeList(
  traffic: Traffic,
  sources: RouteListSources,
  request: PageRequest,
  search = '',
): Page<RouteItem> {
  const wanted = search.toLowerCase();
  const candidates = candidatesOf(traffic, sources.known()).filter(
    ({ method, route }) => wanted === '' || keyOf(method, route).toLowerCase().includes(wanted),
  );
  const busyFirst = ({ traffic: seen, method, route }: Candidate) =>
    [-(seen?.durations.count.recent ?? 0), method, route] as const;
  const { items, nextCursor } = pageOf(candidates, busyFirst, request);
  const itemOf = itemMaker(traffic, sources);
  return { items: items.map(itemOf), nextCursor };
}

function candidatesOf(traffic: Traffic, known: readonly KnownRoute[]): readonly Candidate[] {
  const byKey = new Map<string, Candidate>();
  for (const route of known)
    byKey.set(keyOf(route.method, route.route), {
      method: route.method,
      route: route.route,
      traffic: undefined,
      known: route,
    });
  for (const seen of traffic.routes()) {
    const key = keyOf(seen.method, seen.route);
    const { method, route } = seen;
    byKey.set(key, { method, route, traffic: seen, known: byKey.get(key)?.known });
  }
  return [...byKey.values()];
}

function itemMaker(traffic: Traffic, sources: RouteListSources): (candidate: Candidate) => RouteItem {
  const inFlight = sources.inFlight();
  const shares = sources.cpuShares && new Map(sources.cpuShares().map(({ route, ratio }) => [route, ratio]));
  const stalls = new Map([...traffic.counts('multilane_handler_stalls_total')]);
  const dataPlane = sources.dataPlane();
  return ({ method, route, traffic: seen, known }) => {
    const key = keyOf(method, route);
    const durations = seen?.durations;
    const hasDocs = dataPlane !== undefined && known?.service !== undefined && known.service !== null;
    return {
      method,
      route,
      service: known?.service ?? null,
      requests: durations?.count.total ?? 0,
      perSecond: rate(durations?.count.perSecond),
      errors: seen?.errors.total ?? 0,
      errorsPerSecond: rate(seen?.errors.perSecond),
      p50Ms: durations?.quantileMs(0.5) ?? null,
      p90Ms: durations?.quantileMs(0.9) ?? null,
      p99Ms: durations?.quantileMs(0.99) ?? null,
      maxMs: durations?.maxMs ?? null,
      cpuRatio: shares === undefined ? null : (shares.get(key) ?? shares.get(route) ?? 0),
      stalls: stalls.get(route)?.total ?? 0,
      inFlight: inFlight.get(key) ?? inFlight.get(route) ?? 0,
      off: known?.state === 'off',
      docs: hasDocs && method !== GRPC ? docsOf(dataPlane, known.service!, method, route) : null,
    };
  };
}

/** The address of an operation in the page of the data plane (src/server/docs), which can execute it. */
const docsOf = (dataPlane: string, service: string, method: string, template: string): string =>
  `${dataPlane}/docs#/${encodeURIComponent(service)}/${operationIdOf(method, template)}`;

export const rate = (perSecond = 0): number => Math.round(perSecond * 100) / 100;

/** @throws NotFoundError for a route without a request */
export function routeHistogram(traffic: Traffic, method: string, route: string) {
  const seen = traffic.route(method, route);
  if (seen === undefined) throw new NotFoundError('This route has had no request yet.');
  const { durations, statuses } = seen;
  return {
    method,
    route,
    windowS: traffic.windowS,
    edgesMs: HISTOGRAM_EDGES_US.map((edge) => edge / 1000),
    window: [...durations.recent],
    total: [...durations.total],
    statuses: Object.fromEntries(statuses),
  };
}
