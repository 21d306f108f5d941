// What a fake admin plane of a shop serves. Tests change what they need.
import type { PlaneJson } from '#src/admin/plane-json.js';
import { CLIENTS, databaseOf } from '#src/admin/views/calls-graph.js';
import { saturationOf } from '#src/admin/views/saturation.js';
import { shownSettings } from '#src/config/print.js';
import { SETTINGS } from '#src/config/table.js';
import {
  type Breaker,
  before,
  breaker,
  type Instance,
  type Item,
  instance,
  profile,
  REPORT,
  type Route,
  route,
  type SagaRow,
  type Span,
  saga,
  span,
  type Worker,
  worker,
} from './plane-rows.js';

export interface PlaneData {
  overview: PlaneJson['/overview'];
  routes: Route[];
  workers: Worker[];
  services: Item<PlaneJson['/services']>[];
  instances: Instance[];
  calls: PlaneJson['/calls'];
  breakers: Breaker[];
  limits: PlaneJson['/limits'];
  switches: Omit<PlaneJson['/switches'], 'routes'> & { routes: PlaneJson['/switches']['routes'][number][] };
  cpu: PlaneJson['/cpu'];
  sagas: SagaRow[];
  flights: Item<PlaneJson['/flights']>[];
  traces: Item<PlaneJson['/traces']>[];
  spans: Span[];
  settings: Item<PlaneJson['/settings']>[];
  profile: unknown;
}

const overview = (): PlaneJson['/overview'] => ({
  at: new Date().toISOString(),
  process: {
    service: 'shop',
    version: '0.1.0',
    pid: 4_242,
    node: 'v20.20.2',
    host: 'shop-1',
    folder: '/shop',
    startedAt: before(4_200),
    uptimeS: 4_200,
    ready: true,
    reasons: [],
  },
  windowS: 10,
  requests: { perSecond: 1_240.4, errorsPerSecond: 3.2, inFlight: 14, total: 5_182_340, errors: 1_203 },
  latencyMs: { p50: 2.4, p90: 8.1, p99: 31, max: 412 },
  saturation: saturationOf(
    {
      inFlight: { used: 14, limit: 512 },
      workers: [
        { worker: 1, loopUtilization: 0.36, heapUsedBytes: 131_072_000, heapRetainedBytes: 98_304_000 },
      ],
      heapLimitBytes: 4_294_967_296,
      connections: { used: 77, limit: 18_000 },
      cpuThreads: { used: 1, limit: 2 },
      cpuQueue: { used: 3, limit: 64 },
      mostDatabaseConnections: 20,
      pendingBodies: { used: 1, limit: 256 },
      bufferedBodies: { used: 2_048, limit: 67_108_864 },
      openStreams: { used: 3, limit: 1_024 },
    },
    19,
  ),
  problems: [],
});

const calls = (): PlaneJson['/calls'] => ({
  windowS: 10,
  nodes: [
    { name: CLIENTS, kind: 'client' },
    { name: 'users', kind: 'service' },
    { name: 'orders', kind: 'service' },
    { name: 'payments', kind: 'service' },
    { name: 'checkout', kind: 'service' },
    { name: databaseOf('orders'), kind: 'database' },
    { name: databaseOf('users'), kind: 'database' },
  ],
  edges: [
    { from: CLIENTS, to: 'users', perSecond: 410, errorsPerSecond: 0, p99Ms: null, total: 9e5, errors: 3 },
    {
      from: CLIENTS,
      to: 'checkout',
      perSecond: 22,
      errorsPerSecond: 0.4,
      p99Ms: null,
      total: 4e4,
      errors: 80,
    },
    { from: 'users', to: 'orders', perSecond: 405, errorsPerSecond: 61, p99Ms: 240, total: 9e5, errors: 4e3 },
    { from: 'checkout', to: 'users', perSecond: 22, errorsPerSecond: 0, p99Ms: 9, total: 4e4, errors: 0 },
    { from: 'checkout', to: 'orders', perSecond: 22, errorsPerSecond: 1, p99Ms: 31, total: 4e4, errors: 9 },
    { from: 'checkout', to: 'payments', perSecond: 21, errorsPerSecond: 0, p99Ms: 88, total: 4e4, errors: 0 },
    {
      from: 'orders',
      to: databaseOf('orders'),
      perSecond: 860,
      errorsPerSecond: 0,
      p99Ms: 6,
      total: 2e6,
      errors: 0,
    },
    {
      from: 'users',
      to: databaseOf('users'),
      perSecond: 420,
      errorsPerSecond: 0,
      p99Ms: 4,
      total: 1e6,
      errors: 0,
    },
  ],
});

const limits = (): PlaneJson['/limits'] => ({
  concurrency: {
    inFlight: 14,
    maxInFlight: 512,
    adaptive: true,
    workers: [1, 2].map((id) => ({
      ...{ id, generation: 1, inFlight: 7, shedding: false },
      ...{ owedMs: 12, boundMs: 150, holdMs: 0 },
    })),
    routes: [
      { name: 'users GET /api/users/:id', inFlight: 9, costMs: 2 },
      { name: 'checkout POST /api/checkout', inFlight: 5, costMs: 60 },
    ],
    shed: {
      ...{ queue: 12, max_in_flight: 0, route_share: 0, background: 0, bulkhead: 0, bodies: 0, streams: 0 },
      ...{ max_connections: 0, connection_share: 0 },
    },
  },
  bodies: { pending: 1, maxPending: 256, bufferedBytes: 2_048, maxBufferedBytes: 67_108_864 },
  streams: { open: 3, max: 1_024, maxPerAddress: 512 },
  bulkheads: [{ name: 'reports', held: 2, limit: 4 }],
  databaseConnections: { held: 19, most: 20, waiting: 2 },
  rateLimits: {
    default: '100/second',
    scope: 'process',
    named: [{ name: 'login', limit: '5/minute' }],
    keys: { inUse: 38, rows: 4_096 },
    cluster: { members: 0, keys: { inUse: 0, rows: 0 } },
    refused: { login: 41 },
    overflow: 0,
  },
});

const switches = (): PlaneData['switches'] => ({
  logLevel: { level: 'info', setting: 'info', since: null, reason: null },
  sampling: {
    ratio: 0.01,
    setting: 0.01,
    sampler: 'parentbased_traceidratio',
    recording: true,
    exporting: true,
    since: null,
    reason: null,
  },
  requestLog: { ratio: 0, setting: 0, since: null, reason: null },
  cpuThreads: { threads: 2, setting: 2, since: null, reason: null },
  routes: [
    {
      service: 'users',
      method: 'GET',
      route: '/api/users/{id}',
      state: 'on',
      retryAfterSeconds: null,
      since: null,
      reason: null,
    },
    {
      service: 'orders',
      method: 'GET',
      route: REPORT,
      state: 'on',
      retryAfterSeconds: null,
      since: null,
      reason: null,
    },
  ],
});

const cpu = (): PlaneJson['/cpu'] => ({
  threads: 2,
  maxThreads: 2,
  busy: 1,
  queued: 3,
  queueLimit: 64,
  utilization: 0.55,
  refused: { queue: 4, route_share: 0, service_share: 0 },
  tasks: [{ service: 'orders', task: 'renderInvoice', runs: 812, failed: 2, p50Ms: 41, p99Ms: 130 }],
  shares: [
    { route: 'GET /api/users/{id}', ratio: 0.42 },
    { route: 'POST /api/checkout', ratio: 0.21 },
    { route: 'other', ratio: 0.06 },
  ],
});

const MACHINE = {
  ...{ parallelism: 2, openFiles: 1_024, memoryBytes: 4_294_967_296, oldGenerationBytes: 2_147_483_648 },
  ...{ workers: 2, isTTY: false },
};

/** A setting from the environment. */
const written = (name: string, value: string) => ({
  name,
  setting: SETTINGS[name]!,
  value: SETTINGS[name]!.kind.parse(value),
  written: { as: name, raw: value, text: value, place: 'environment' as const },
});

/** A shop in which all is well. */
export const shop = (): PlaneData => ({
  overview: overview(),
  routes: [
    route(),
    route({
      method: 'POST',
      route: '/api/checkout',
      service: 'checkout',
      perSecond: 22,
      p50Ms: 61,
      p99Ms: 140,
      cpuRatio: 0.21,
    }),
    route({
      route: REPORT,
      service: 'orders',
      perSecond: 0.4,
      p50Ms: 310,
      p99Ms: 3_400,
      maxMs: 3_400,
      cpuRatio: 0.18,
    }),
  ],
  workers: [worker(1), worker(2)],
  services: [
    {
      service: 'orders',
      local: false,
      states: { healthy: 2, ejected: 1 },
      instances: 3,
      perSecond: 405,
      errorsPerSecond: 61,
    },
    {
      service: 'users',
      local: true,
      states: { healthy: 1 },
      instances: 1,
      perSecond: 410,
      errorsPerSecond: 0,
    },
    {
      service: 'payments',
      local: true,
      states: { healthy: 1 },
      instances: 1,
      perSecond: 21,
      errorsPerSecond: 0,
    },
  ],
  instances: [
    instance('orders-1'),
    instance('orders-2', { port: 9_101, zone: 'b' }),
    instance('orders-3', { port: 9_102, state: 'ejected', ewmaMs: 812, ejectedUntil: before(-20) }),
  ],
  calls: calls(),
  breakers: [
    breaker(),
    breaker({ instance: 'orders-2' }),
    breaker({ service: 'payments', instance: 'payments-1' }),
  ],
  limits: limits(),
  switches: switches(),
  cpu: cpu(),
  sagas: Array.from({ length: 40 }, (_, index) => saga(index)),
  flights: [
    {
      method: 'GET',
      route: '/api/users/{id}',
      requestId: 'r-81f3',
      ageMs: 2,
      status: null,
      durationMs: null,
    },
    { method: 'GET', route: '/api/users/{id}', requestId: 'r-81f2', ageMs: 41, status: 200, durationMs: 3 },
  ],
  traces: [
    {
      traceId: 'a'.repeat(32),
      name: 'GET /api/users/{id}',
      startedAt: before(10),
      durationMs: 24,
      status: 'ok',
      httpStatus: 200,
      spans: 3,
      isIncomplete: false,
      worker: 1,
      route: '/api/users/{id}',
    },
    {
      traceId: 'b'.repeat(32),
      name: 'POST /api/checkout',
      startedAt: before(12),
      durationMs: 812,
      status: 'error',
      httpStatus: 503,
      spans: 9,
      isIncomplete: true,
      worker: 2,
      route: '/api/checkout',
    },
  ],
  spans: [
    span('1'),
    span('2', {
      parentSpanId: '1',
      name: 'GET orders',
      kind: 'client',
      durationMs: 18,
      startedAt: before(9.996),
    }),
    span('3', {
      parentSpanId: '2',
      name: 'SELECT orders',
      kind: 'client',
      durationMs: 9,
      startedAt: before(9.99),
      status: 'error',
      statusMessage: '42P01',
      attributes: {
        'db.system.name': 'postgresql',
        'db.namespace': 'orders',
        'db.operation.name': 'SELECT',
        'db.query.summary': 'SELECT orders',
        'error.type': '42P01',
      },
    }),
  ],
  settings: shownSettings(
    [
      { name: 'PORT', setting: SETTINGS.PORT!, value: 8_080, written: undefined },
      written('ADMIN_TOKEN', 'a-token-of-more-than-thirty-two-characters'),
      written('REQUEST_TIMEOUT_MS', '4000'),
    ],
    MACHINE,
  ).slice(),
  profile: profile(),
});
