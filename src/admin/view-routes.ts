// The routes of the views: what the process does now, for the dashboard and other readers of JSON
// (docs/admin-json.md), and the same as topics of `/events`.
import type { ShownSetting } from '../config/print.js';
import type { AdminRoute } from './admin-route.js';
import type { Topic } from './event-topics.js';
import type { LimitsRoute } from './limits-route.js';
import { breakerView } from './views/breaker-list.js';
import { callsGraph } from './views/calls-graph.js';
import { cpuView } from './views/cpu-view.js';
import type { Fleet } from './views/fleet.js';
import { overviewOf } from './views/overview.js';
import { type PageRequest, pageRequest } from './views/pages.js';
import { MOST_SAGAS } from './views/problem-facts.js';
import { problemsOf } from './views/problems.js';
import { Refreshed, recently } from './views/recently.js';
import { RouteCandidates } from './views/route-candidates.js';
import { RouteList, type RouteOrder, routeHistogram, routeOrder } from './views/route-list.js';
import { saturationOf } from './views/saturation.js';
import { type MountedServices, servedBy, serviceList } from './views/service-list.js';
import type { Traffic } from './views/traffic.js';
import type { ViewSources } from './views/view-sources.js';

/** The registry is looked through at most so often. */
const FLEET_MS = 1_000;
const SAGAS_MS = 5_000;
/** How long a request waits for the count of sagas when there is none yet, or only an old one. */
const WAIT_FOR_SAGAS_MS = 300;
/** A worker that retains more than this share of the heap that it may is named. */
const FULL_HEAP = 0.9;
const ROUTES = { most: 1_000, usual: 100, shape: 'number string string' };
const SERVICES = { most: 1_000, usual: 1_000, shape: 'string' };
const EVENT_ROUTES: PageRequest = { limit: 200, after: undefined };
const EVENT_SERVICES: PageRequest = { limit: SERVICES.usual, after: undefined };

/** Makes the views, which share what is expensive to look at. */
export class Views {
  readonly #sources: ViewSources;
  readonly #fleet: () => Promise<Fleet>;
  readonly #sagas: Refreshed<number>;
  readonly #candidates: RouteCandidates;
  readonly #routes: RouteList;

  constructor(sources: ViewSources) {
    this.#sources = sources;
    const { routes: known, cpuShares, dataPlane } = sources;
    this.#candidates = new RouteCandidates(known);
    this.#routes = new RouteList({ candidates: this.#candidates, cpuShares, dataPlane });
    this.#fleet = recently(FLEET_MS, sources.lookAtFleet);
    this.#sagas = new Refreshed(SAGAS_MS, () => sources.countSagas(MOST_SAGAS + 1), sources.clock);
  }

  async overview(traffic: Traffic) {
    const { process, uptimeS, wallClock, readiness: readReadiness } = this.#sources;
    const fleet = await this.#fleet();
    const readiness = readReadiness();
    const facts = this.#sources.saturation();
    const saturation = saturationOf(facts, traffic.connectionsInUse);
    const wallMs = wallClock();
    const problems = problemsOf({
      ...this.#problemFacts(facts),
      traffic,
      fleet,
      readiness,
      saturation,
      wallMs,
    });
    const { used: inFlight } = facts.inFlight;
    return overviewOf({
      ...{ process, wallMs, readiness, inFlight, traffic, saturation, problems },
      uptimeS: uptimeS(),
    });
  }

  /** Waits a little for the count of sagas when it is not known, which it then is in most cases. */
  async counted(): Promise<void> {
    await this.#sagas.known(WAIT_FOR_SAGAS_MS);
  }

  async routes(traffic: Traffic, request: PageRequest, search?: string, by?: RouteOrder) {
    const inFlight = await this.#sources.routesInFlight();
    return { windowS: traffic.windowS, ...(await this.#routes.page(traffic, inFlight, request, search, by)) };
  }

  async services(traffic: Traffic, request: PageRequest) {
    const fleet = await this.#fleet();
    const services = await this.#mounted(traffic);
    return { windowS: traffic.windowS, ...serviceList(traffic, fleet, services, request) };
  }

  async calls(traffic: Traffic) {
    return callsGraph(traffic, await this.#mounted(traffic));
  }

  cpu(traffic: Traffic) {
    const { cpu, cpuShares } = this.#sources;
    return cpuView(traffic, cpu, cpuShares?.().shares ?? []);
  }

  settings() {
    const { settings, database } = this.#sources;
    const { most } = database();
    // The process decides it when it knows what the servers admit.
    const isFound = ({ name, value }: ShownSetting): boolean =>
      name === 'DATABASE_POOL_MAX' && value === null && most > 0;
    return { items: settings.map((one) => (isFound(one) ? { ...one, value: String(most) } : one)) };
  }

  /** The breakers that an operator should look at: those that are not closed or that are forced. */
  async notableBreakers() {
    const { breakers, clock, wallClock } = this.#sources;
    const { notable, notableCount } = await this.#fleet();
    const times = { clockMs: clock(), wallMs: wallClock() };
    const items = notable.map(({ slot, breaker: state, tripped, ...owner }) =>
      breakerView(owner, { state, tripped, transitions: breakers.transitions(slot) }, times),
    );
    return { items, nextCursor: null, total: notableCount };
  }

  async #mounted(traffic: Traffic): Promise<MountedServices> {
    const { mounted } = this.#sources;
    return { mounted, served: await servedBy(await this.#candidates.of(traffic)) };
  }

  #problemFacts({ workers, heapLimitBytes, cpuQueue }: ReturnType<ViewSources['saturation']>) {
    const { clock, database, cpu, registryOutage, routes, logLevel, workers: list, statuses } = this.#sources;
    return {
      workers: list(),
      statuses: statuses(),
      fullHeaps:
        heapLimitBytes === undefined
          ? []
          : workers
              .map(({ worker, heapRetainedBytes }) => ({ worker, ratio: heapRetainedBytes / heapLimitBytes }))
              .filter(({ ratio }) => ratio > FULL_HEAP),
      clockMs: clock(),
      database: database(),
      cpu: {
        queued: cpuQueue.used,
        queueLimit: cpuQueue.limit ?? Number.POSITIVE_INFINITY,
        stuck: cpu.unfinished.length,
      },
      registryOutage: registryOutage(),
      routesOff: routes().filter(({ state }) => state === 'off'),
      logLevel: logLevel(),
      sagas: this.#sagas.get(),
    };
  }
}

export function viewRoutes(
  { traffic, templateOf }: Pick<ViewSources, 'traffic' | 'templateOf'>,
  views: Views,
): readonly AdminRoute[] {
  const histogram = async (query: URLSearchParams) =>
    routeHistogram(await traffic.look(), query.get('method') ?? 'GET', query.get('route') ?? '', templateOf);
  const get = (
    path: string,
    read: (query: URLSearchParams) => Promise<object>,
    parameters: readonly string[] = [],
  ): AdminRoute => ({
    method: 'GET',
    path,
    query: parameters,
    handler: async ({ query }) => ({ status: 200, json: await read(query) }),
  });
  return [
    get('/overview', async () => {
      const [seen] = await Promise.all([traffic.look(), views.counted()]);
      return views.overview(seen);
    }),
    get(
      '/routes',
      async (query) => {
        const request = pageRequest(query, ROUTES);
        const order = routeOrder(query.get('sort'));
        return views.routes(await traffic.look(), request, query.get('search') ?? '', order);
      },
      ['limit', 'cursor', 'search', 'sort'],
    ),
    get('/routes/histogram', histogram, ['method', 'route']),
    get(
      '/services',
      async (query) => {
        const request = pageRequest(query, SERVICES);
        return views.services(await traffic.look(), request);
      },
      ['limit', 'cursor'],
    ),
    get('/calls', async () => views.calls(await traffic.look())),
    get('/cpu', async () => views.cpu(await traffic.look())),
    get('/settings', async () => views.settings()),
  ];
}

/** The topics of `/events` that views have. */
export function viewTopics(
  { traffic, workers }: Pick<ViewSources, 'traffic' | 'workers'>,
  views: Views,
  limits: (...from: Parameters<LimitsRoute['read']>) => object,
): Readonly<Record<string, Topic>> {
  const of =
    (read: (seen: Traffic) => object | Promise<object>): Topic =>
    async (isFirst) =>
      read(await (isFirst ? traffic.lookAtOnce() : traffic.look()));
  return {
    overview: of(async (seen) => {
      await views.counted();
      return views.overview(seen);
    }),
    routes: of((seen) => views.routes(seen, EVENT_ROUTES)),
    workers: async () => workers(),
    services: of((seen) => views.services(seen, EVENT_SERVICES)),
    calls: of((seen) => views.calls(seen)),
    breakers: () => views.notableBreakers(),
    limits: of((seen) => limits(seen.totalsBy)),
    cpu: of((seen) => views.cpu(seen)),
  };
}
