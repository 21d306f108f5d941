// A gateway in front of real upstreams, within the thread of a test: its own server, transport and breakers.
import type { GatewayPolicy } from '#src/config.js';
import { mountGateway } from '#src/gateway/mount-gateway.js';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import type { Application } from '#src/server/handler.js';
import type { HttpServer } from '#src/server/http-core.js';
import type { Ticker } from '#src/server/timer-wheel.js';
import { injectTrace } from '#src/telemetry/propagation.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import type { StreamCallDependencies } from '#src/upstream/stream-call.js';
import type { CoreUnderTest } from '#test/server/cores.js';
import { type Bench, bench, type QuotaBounds } from '#test/server/kit.js';

export interface GatewayBench extends Bench {
  readonly url: string;
  readonly server: HttpServer;
  /** How often clients were refused for their connections to instances. */
  readonly refusals: () => number;
  /** The running calls of an endpoint. */
  readonly inFlight: (endpoint: Endpoint) => number;
  readonly breaker: BreakerCells;
  /** By how many milliseconds the clock of calls is ahead. */
  readonly ahead: { ms: number };
  /** What the ejection gets: outcomes, and `unanswered`. Others always do better. */
  readonly reached: readonly string[];
  close(): Promise<void>;
}

export interface GatewayBenchOptions {
  readonly core: CoreUnderTest;
  /** In the order in which they are called. */
  readonly endpoints: readonly Endpoint[];
  readonly policy?: GatewayPolicy;
  /** Routes of the service `demo`, which is a service of this process. */
  readonly routes?: (app: Application) => void;
  /** The connections to one endpoint. @default 16 */
  readonly connections?: number;
  readonly quotas?: Partial<QuotaBounds>;
  /** See `GatewayDeps.silentMs`. @default 60000 */
  readonly silentMs?: number;
  /** That of deadlines. */
  readonly ticker?: Ticker;
}

/** Serves the services `things` and `demo` below `/svc/`; their endpoints are the same. */
export async function startGateway(options: GatewayBenchOptions): Promise<GatewayBench> {
  const {
    core,
    endpoints,
    policy = {},
    routes = () => undefined,
    connections = 16,
    quotas = {},
    silentMs = 60_000,
    ticker,
  } = options;
  const world = bench(routes, { quotas, ...(ticker !== undefined && { ticker }) });
  await world.app.applications.prepared();
  const streams = new HttpTransport({ connections, maxResponseBytes: Number.POSITIVE_INFINITY });
  const block = Block.create({ workers: 1 });
  const load = new EndpointCells(block, 1, () => performance.now());
  let refusals = 0;
  const reached: string[] = [];
  const ahead = { ms: 0 };
  const clock = () => performance.now() + ahead.ms;
  const breaker = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, clock);
  const calls: StreamCallDependencies = {
    balancer: {
      pick: (_service, tried, excludes = () => false) => {
        const left = endpoints.filter((one) => !excludes(one));
        return left.find(({ id }) => !tried.has(id)) ?? left[0];
      },
      has: (_service, excludes) => !endpoints.every(excludes),
    },
    breaker,
    outliers: {
      ended: (_endpoint, outcome) => void reached.push(outcome),
      unanswered: () => reached.push('unanswered') > 0,
      oversized: () => false,
    },
    load,
    budget: new RetryBudgetCell(block, () => performance.now()),
    transports: { http: streams },
    clock,
    random: () => 0,
    sleep: async () => undefined,
    propagate: injectTrace,
    streams,
  };
  mountGateway(
    { gateway: ['things', 'demo'], gatewayPolicies: { things: policy, demo: policy } },
    {
      app: world.app,
      calls,
      connections,
      isMounted: (name) => name === 'demo',
      onRefused: () => void refusals++,
      silentMs,
    },
  );
  const server = core.serverOf(world.app);
  const url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  return {
    ...world,
    ...{ url, server, breaker, ahead, reached },
    refusals: () => refusals,
    inFlight: ({ slot }) => load.inFlight(slot),
    async close() {
      server.close();
      await streams.close();
    },
  };
}
