// Who calls whom, from calls that were counted: services among each other, clients and the gateway in front
// of them, databases behind them.
import { eachInTurns } from '../../telemetry/pace.js';
import { rate } from './route-list.js';
import { type MountedServices, NOTHING, plus, type ServedCounts } from './service-list.js';
import { WindowHistogram } from './sliding-window.js';
import type { Traffic } from './traffic.js';

export type NodeKind = 'service' | 'client' | 'gateway' | 'database';

export interface CallEdgeItem {
  readonly from: string;
  readonly to: string;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
  readonly p99Ms: number | null;
  readonly total: number;
  readonly errors: number;
}

/** Names that no service can have. */
export const CLIENTS = 'Clients';
export const GATEWAY = 'Gateway';
export const databaseOf = (service: string): string => `${service} database`;

/** How the metric of calls names the gateway as the caller. */
const GATEWAY_LABEL = '_gateway';
/** The beginning of the template of the routes of the gateway. */
const GATEWAY_ROUTES = '/svc/{service}/';
const MOST_EDGES = 512;

export async function callsGraph(traffic: Traffic, services: MountedServices) {
  const edges = [...calls(traffic), ...(await clients(traffic, services)), ...statements(traffic)]
    .sort((a, b) => b.perSecond - a.perSecond || b.total - a.total)
    .slice(0, MOST_EDGES);
  const nodes = new Map<string, NodeKind>();
  for (const name of services.mounted) nodes.set(name, 'service');
  for (const { from, to } of edges) for (const name of [from, to]) nodes.set(name, kindOf(name));
  return {
    windowS: traffic.windowS,
    nodes: [...nodes].map(([name, kind]) => ({ name, kind })),
    edges,
  };
}

function kindOf(name: string): NodeKind {
  if (name === CLIENTS) return 'client';
  if (name === GATEWAY) return 'gateway';
  return name.endsWith(databaseOf('')) ? 'database' : 'service';
}

const edgeOf = (from: string, to: string, counts: ServedCounts, p99Ms: number | null): CallEdgeItem => ({
  from,
  to,
  perSecond: rate(counts.perSecond),
  errorsPerSecond: rate(counts.errorsPerSecond),
  p99Ms,
  total: counts.total,
  errors: counts.errors,
});

function* calls(traffic: Traffic): Generator<CallEdgeItem> {
  for (const { from, to, calls: made, errors } of traffic.edges()) {
    const p99Ms = traffic.callsTo(to)?.durations.quantileMs(0.99) ?? null;
    yield edgeOf(from === GATEWAY_LABEL ? GATEWAY : from, to, plus(NOTHING, made, errors), p99Ms);
  }
}

/**
 * What arrived over the network: the requests of a service without the calls that this process has made to
 * its own instances. An attempt is counted when it has ended and a request when its response has, so the
 * difference may be a few requests off for a moment.
 */
async function clients(traffic: Traffic, services: MountedServices): Promise<readonly CallEdgeItem[]> {
  const edges: CallEdgeItem[] = [];
  for (const [service, { counts: served, durations }] of services.served) {
    const own = traffic.ownCallsTo(service);
    const counts = own === undefined ? served : without(served, plus(NOTHING, own.calls, own.errors));
    if (counts.total === 0) continue;
    edges.push(edgeOf(CLIENTS, service, counts, await WindowHistogram.quantileMs(durations, 0.99)));
  }
  const relayed: WindowHistogram[] = [];
  let counts = NOTHING;
  await eachInTurns(traffic.routes().values(), ({ route, durations, errors }) => {
    if (!route.startsWith(GATEWAY_ROUTES)) return;
    relayed.push(durations);
    counts = plus(counts, durations.count, errors);
  });
  if (relayed.length > 0) {
    edges.push(edgeOf(CLIENTS, GATEWAY, counts, await WindowHistogram.quantileMs(relayed, 0.99)));
  }
  return edges;
}

const without = (all: ServedCounts, part: ServedCounts): ServedCounts => ({
  perSecond: Math.max(0, all.perSecond - part.perSecond),
  errorsPerSecond: Math.max(0, all.errorsPerSecond - part.errorsPerSecond),
  recent: Math.max(0, all.recent - part.recent),
  total: Math.max(0, all.total - part.total),
  errors: Math.max(0, all.errors - part.errors),
});

function* statements(traffic: Traffic): Generator<CallEdgeItem> {
  for (const [service, { durations, errors }] of traffic.databases()) {
    const p99Ms = durations.quantileMs(0.99);
    yield edgeOf(service, databaseOf(service), plus(NOTHING, durations.count, errors), p99Ms);
  }
}
