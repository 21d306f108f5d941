// The routes of all services with what they do now, and the durations of one of them as a histogram.
import { NotFoundError, ValidationError } from '../../errors.js';
import { HISTOGRAM_EDGES_US } from '../../memory/metrics/histogram.js';
import { operationIdOf } from '../../server/docs/openapi.js';
import { eachInTurns } from '../../telemetry/pace.js';
import { GRPC } from '../../telemetry/served-requests.js';
import type { CpuShares } from './cpu-view.js';
import { compare, type Order, type Page, type PageRequest, pageOf } from './pages.js';
import type { Candidate, RouteCandidates } from './route-candidates.js';
import { SharedPages } from './shared-pages.js';
import type { Traffic } from './traffic.js';

export interface RouteListSources {
  readonly candidates: RouteCandidates;
  /** undefined: not measured. */
  readonly cpuShares: (() => CpuShares) | undefined;
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
  readonly inFlight: number | null;
  readonly off: boolean;
  readonly docs: string | null;
}

/** What a list of routes may be sorted by. The greatest value is the first. */
const ORDERS = ['busy', 'errors', 'p99', 'stalls', 'cpu'] as const;
export type RouteOrder = (typeof ORDERS)[number];

/** @throws ValidationError for an order that does not exist */
export function routeOrder(text: string | null): RouteOrder {
  const order = ORDERS.find((one) => one === (text ?? 'busy'));
  if (order !== undefined) return order;
  throw new ValidationError([{ path: '/sort', message: `must be one of ${ORDERS.join(', ')}` }]);
}

/** A route with the value that the list is sorted by. */
interface Ranked {
  readonly candidate: Candidate;
  readonly value: number;
}

/** Routes of the same value are in the order of their methods and templates. */
const ORDER: Order<Ranked> = {
  keyOf: ({ candidate: { method, route }, value }) => [-value, method, route],
  compare: (a, b) =>
    b.value - a.value ||
    compare(a.candidate.method, b.candidate.method) ||
    compare(a.candidate.route, b.candidate.route),
};

export class RouteList {
  readonly #sources: RouteListSources;
  readonly #pages = new SharedPages<Page<Ranked>>();

  constructor(sources: RouteListSources) {
    this.#sources = sources;
  }

  /**
   * @param inFlight requests in flight, by `METHOD template`; null: not counted alone
   * @param search text that `METHOD route` has to contain, whatever its case
   * @param by the first is the busiest of the window unless another order is asked for
   */
  async page(
    traffic: Traffic,
    inFlight: ReadonlyMap<string, number | null>,
    request: PageRequest,
    search = '',
    by: RouteOrder = 'busy',
  ): Promise<Page<RouteItem>> {
    const wanted = search.toLowerCase();
    const all = await this.#sources.candidates.of(traffic);
    const counts = countsOf(traffic, this.#sources);
    const { items: ranked, nextCursor } = await this.#pages.page(
      { traffic, all },
      request,
      [by, wanted],
      async () => pageOf(await rankedBy(valueFor(by, counts), all, wanted), ORDER, request),
    );
    const itemOf = itemMaker(counts, inFlight, this.#sources);
    const items: RouteItem[] = [];
    await eachInTurns(ranked, ({ candidate }) => items.push(itemOf(candidate)));
    return { items, nextCursor };
  }
}

/** Reads the value of each route that is wanted once, before they are compared. */
async function rankedBy(
  read: (candidate: Candidate) => number,
  all: readonly Candidate[],
  wanted: string,
): Promise<readonly Ranked[]> {
  const found: Ranked[] = [];
  await eachInTurns(all, (candidate) => {
    if (wanted !== '' && !candidate.key.toLowerCase().includes(wanted)) return;
    found.push({ candidate, value: read(candidate) });
  });
  return found;
}

/** What is counted by route apart from its requests. */
interface RouteCounts {
  /** Null where it is not measured. */
  readonly cpuRatio: (candidate: Candidate) => number | null;
  readonly stalls: (candidate: Candidate) => number;
}

function countsOf(traffic: Traffic, sources: RouteListSources): RouteCounts {
  const read = sources.cpuShares?.();
  const shares = new Map(read?.shares.map(({ route, ratio }) => [route, ratio]));
  const withoutShare = read?.areAll === true ? 0 : null;
  const stalls = new Map([...traffic.counts('multilane_handler_stalls_total')]);
  return {
    cpuRatio: ({ key, route }) => shares.get(key) ?? shares.get(route) ?? withoutShare,
    stalls: ({ route }) => stalls.get(route)?.total ?? 0,
  };
}

const valueFor = (by: RouteOrder, { cpuRatio, stalls }: RouteCounts): ((candidate: Candidate) => number) =>
  ({
    busy: ({ traffic }: Candidate) => traffic?.durations.count.recent ?? 0,
    errors: ({ traffic }: Candidate) => traffic?.errors.recent ?? 0,
    p99: ({ traffic }: Candidate) => traffic?.durations.quantileMs(0.99) ?? -1,
    stalls,
    cpu: (candidate: Candidate) => cpuRatio(candidate) ?? -1,
  })[by];

function itemMaker(
  { cpuRatio, stalls }: RouteCounts,
  inFlight: ReadonlyMap<string, number | null>,
  sources: RouteListSources,
): (candidate: Candidate) => RouteItem {
  const dataPlane = sources.dataPlane();
  // A route that no worker has declared is not counted: an internal one, a gRPC method, an unmatched request.
  const inFlightOf = ({ key, known }: Candidate): number | null =>
    inFlight.has(key) ? inFlight.get(key)! : known?.service == null ? null : 0;
  return (candidate) => {
    const { method, route, traffic: seen, known } = candidate;
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
      cpuRatio: cpuRatio(candidate),
      stalls: stalls(candidate),
      inFlight: inFlightOf(candidate),
      off: known?.state === 'off',
      docs: hasDocs && method !== GRPC ? docsOf(dataPlane, known.service!, method, route) : null,
    };
  };
}

/** The address of an operation in the page of the data plane (src/server/docs), which can execute it. */
const docsOf = (dataPlane: string, service: string, method: string, template: string): string =>
  `${dataPlane}/docs#/${encodeURIComponent(service)}/${operationIdOf(method, template)}`;

export const rate = (perSecond = 0): number => Math.round(perSecond * 100) / 100;

/**
 * @param templateOf the template of a route that workers have, from its path as it was declared or its
 *   template; undefined: no worker has it
 * @throws NotFoundError for a route that no worker has and that has had no request
 */
export function routeHistogram(
  traffic: Traffic,
  method: string,
  route: string,
  templateOf: (method: string, route: string) => string | undefined,
) {
  const template = traffic.route(method, route) === undefined ? templateOf(method, route) : route;
  if (template === undefined)
    throw new NotFoundError(`No worker has a route ${method} ${route}: see /routes for their names.`);
  const seen = traffic.route(method, template);
  return {
    method,
    route: template,
    windowS: traffic.windowS,
    edgesMs: HISTOGRAM_EDGES_US.map((edge) => edge / 1000),
    window: [...(seen?.durations.recent ?? NO_COUNTS)],
    total: [...(seen?.durations.total ?? NO_COUNTS)],
    statuses: Object.fromEntries(seen?.statuses ?? []),
  };
}

const NO_COUNTS: readonly number[] = new Array(HISTOGRAM_EDGES_US.length + 1).fill(0);
