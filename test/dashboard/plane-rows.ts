// Rows of the JSON of an admin plane. Their types are those of the real one, and what can be made by its
// functions is: problems, breakers, links. plane-shapes.test.ts compares the rest with a real process.

import type { PlaneJson } from '#src/admin/plane-json.js';
import { breakerView } from '#src/admin/views/breaker-list.js';
import type { Problem, ProblemFacts } from '#src/admin/views/problem-facts.js';
import { problemsOf } from '#src/admin/views/problems.js';
import { HISTOGRAM_EDGES_US } from '#src/memory/metrics/histogram.js';
import type { BreakerState, WindowCounts } from '#src/resilience/breaker-contract.js';
import { operationIdOf } from '#src/server/docs/openapi.js';
import { HEALTHY } from '#test/admin/views/healthy-process.js';

const now = Date.now();
/** A time some seconds ago, in ISO 8601. */
export const before = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

/** An item of a list. */
export type Item<List extends { readonly items: readonly unknown[] }> = List['items'][number];

export type Route = Item<PlaneJson['/routes']>;
export type Worker = PlaneJson['/workers'][number];
export type Instance = PlaneJson['/registry/v1/services/:service']['instances'][number];
export type Breaker = Item<PlaneJson['/breakers']>;
export type Step = PlaneJson['/sagas/:id']['steps'][number];
export type Span = PlaneJson['/traces/:traceId']['spans'][number];
export type SagaRow = Item<PlaneJson['/sagas']> & { readonly steps?: readonly Step[] };

export const worker = (id: number, over: Partial<Worker> = {}): Worker => ({
  id,
  kind: 'http',
  generation: 1,
  state: 'ready',
  startedAt: before(4_200),
  connections: 38 + id,
  inFlight: 2,
  requests: 91_200 + id,
  loopUtilization: 0.34 + id / 100,
  loopDelayP99Ms: 1.4,
  heapUsedMb: 62.4,
  current: null,
  ...over,
});

export const REPORT = '/api/orders/report.csv';
export const stalledWorker = (id: number): Worker =>
  worker(id, {
    state: 'stalled',
    loopUtilization: 1,
    loopDelayP99Ms: 3_400,
    inFlight: 14,
    current: { route: REPORT, sinceMs: 3_400 },
  });

/** What the process reports of a healthy shop with these changes. */
export const problemsIn = (over: Partial<ProblemFacts>): readonly Problem[] =>
  problemsOf({ ...HEALTHY, ...over });

/** That a worker is stalled, with changes. */
export const problem = (over: Partial<Problem> = {}): Problem => ({
  ...problemsIn({ workers: [worker(1), stalledWorker(2)] })[0]!,
  ...over,
});

/** The times of breakers, in which the clock of the process is 100 s. */
const TIMES = { clockMs: 100_000, wallMs: now };

export interface BreakerOptions {
  readonly service?: string;
  readonly instance?: string;
  readonly state?: BreakerState;
  /** The window that opened it. */
  readonly tripped?: WindowCounts;
}

export function breaker({
  service = 'orders',
  instance: id = 'orders-1',
  state = { state: 'closed', calls: 118, failures: 0 },
  tripped,
}: BreakerOptions = {}): Breaker {
  const opened = state.state === 'open' || state.state === 'half-open' ? 1 : 0;
  const transitions = { open: opened, halfOpen: state.state === 'half-open' ? 1 : 0, closed: 0 };
  return breakerView({ service, instance: id }, { state, tripped, transitions }, TIMES);
}

/** It has opened some seconds ago. */
export const openBreaker = (seconds: number, retryInMs: number): BreakerOptions => ({
  state: { state: 'open', since: TIMES.clockMs - seconds * 1000, retryInMs },
  tripped: { calls: 20, failures: 12 },
});

const DATA_PLANE = 'http://127.0.0.1:8080';

export function route(over: Partial<Route> = {}): Route {
  const row = {
    method: 'GET',
    route: '/api/users/{id}',
    service: 'users',
    requests: 182_340,
    perSecond: 412.5,
    errors: 12,
    errorsPerSecond: 0,
    p50Ms: 2.1,
    p90Ms: 5.4,
    p99Ms: 14,
    maxMs: 96,
    cpuRatio: 0.31,
    stalls: 0,
    inFlight: 3,
    off: false,
    ...over,
  };
  const { service, method, route: template } = row;
  return { docs: `${DATA_PLANE}/docs#/${service}/${operationIdOf(method, template)}`, ...row };
}

export const instance = (id: string, over: Partial<Instance> = {}): Instance => ({
  id,
  host: '127.0.0.1',
  port: 9_100,
  protocol: 'http',
  weight: 1,
  zone: 'a',
  version: '1.4.2',
  metadata: {},
  state: 'healthy',
  lastHeartbeat: before(6),
  healthCheckUrl: 'http://127.0.0.1:9100/health',
  inFlight: 1,
  ewmaMs: 3.2,
  ejectedUntil: null,
  ...over,
});

export const saga = (index: number, over: Partial<SagaRow> = {}): SagaRow => ({
  sagaId: `0198c2a0-0000-7000-8000-${String(index).padStart(12, '0')}`,
  saga: 'checkout',
  version: 1,
  status: 'completed',
  idempotencyKey: `cart-${index}`,
  input: { user: { name: 'Ada' } },
  createdAt: before(60 + index),
  updatedAt: before(30 + index),
  reason: null,
  ...over,
});

export const step = (name: string, over: Partial<Step> = {}): Step => ({
  name,
  status: 'completed',
  attempts: 1,
  startedAt: before(58),
  finishedAt: before(57),
  error: null,
  ...over,
});

export const span = (spanId: string, over: Partial<Span> = {}): Span => ({
  spanId,
  parentSpanId: null,
  name: 'GET /api/users/{id}',
  kind: 'server',
  startedAt: before(10),
  durationMs: 24,
  status: 'ok',
  statusMessage: null,
  attributes: { 'http.route': '/api/users/{id}', 'http.response.status_code': 200 },
  links: [],
  worker: 1,
  ...over,
});

const frame = (id: number, functionName: string, children: number[] = []) => {
  const isCode = !functionName.startsWith('(');
  const place = isCode
    ? { url: `file:///srv/shop/${functionName}.js`, lineNumber: 11, columnNumber: 0 }
    : { url: '', lineNumber: -1, columnNumber: -1 };
  const positionTicks = isCode ? [{ line: 12, ticks: 1 }] : [];
  return { id, callFrame: { functionName, scriptId: '7', ...place }, hitCount: 1, children, positionTicks };
};

/** Half of the time is spent in `renderReport`, which `handler` calls. */
export const profile = () => {
  const leaves = [3, 3, 3, 3, 3, 4, 4, 5, 5, 5];
  return {
    nodes: [
      frame(1, '(root)', [2, 5]),
      frame(2, 'handler', [3, 4]),
      frame(3, 'renderReport'),
      frame(4, 'queryOrders'),
      frame(5, '(idle)'),
    ],
    startTime: 0,
    endTime: 100_000,
    samples: leaves,
    timeDeltas: leaves.map(() => 10_000),
  };
};

/** Counts of durations in the cells of a histogram: most are of 4 to 5 ms. */
export const counts = (n: number): readonly number[] => {
  const most = HISTOGRAM_EDGES_US.indexOf(5_000);
  const around = [96, 430, 812, 22, 8, 4, 2, 1, 1];
  return Array.from(
    { length: HISTOGRAM_EDGES_US.length + 1 },
    (_, cell) => n * (around[cell - most + 2] ?? 0),
  );
};

export const EDGES_MS = HISTOGRAM_EDGES_US.map((edge) => edge / 1000);
