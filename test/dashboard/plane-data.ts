// The JSON of an admin plane of a shop, as docs/admin-json.md describes it. Tests change what they need.

const now = Date.now();
/** A time some seconds ago, in ISO 8601. */
export const before = (seconds: number): string => new Date(now - seconds * 1000).toISOString();

export interface PlaneData {
  overview: Record<string, unknown> & { problems: unknown[] };
  routes: Record<string, unknown>[];
  workers: Record<string, unknown>[];
  services: Record<string, unknown>[];
  instances: Record<string, unknown>[];
  calls: { windowS: number; nodes: unknown[]; edges: unknown[] };
  breakers: Record<string, unknown>[];
  limits: Record<string, unknown>;
  switches: Record<string, unknown> & { routes: Record<string, unknown>[] };
  cpu: Record<string, unknown> & { tasks: unknown[]; shares: unknown[] };
  sagas: SagaRow[];
  flights: unknown[];
  traces: Record<string, unknown>[];
  spans: unknown[];
  settings: unknown[];
  profile: unknown;
}

export interface SagaRow {
  sagaId: string;
  saga: string;
  version: number;
  status: string;
  idempotencyKey: string | null;
  input: unknown;
  createdAt: string;
  updatedAt: string;
  reason: string | null;
  steps?: unknown[];
}

export const problem = (over: Record<string, unknown> = {}) => ({
  id: 'worker-2-stalled',
  severity: 'critical',
  title: 'Worker 2 is stalled in GET /api/orders/report.csv',
  detail: 'It has run one turn of its event loop for 3.4 s. Its 14 requests in flight wait.',
  page: '#/workers',
  since: before(4),
  ...over,
});

export const route = (over: Record<string, unknown> = {}) => ({
  method: 'GET',
  route: '/api/users/{id}',
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
  docs: 'http://127.0.0.1:8080/docs#get-api-users-id',
  ...over,
});

export const worker = (id: number, over: Record<string, unknown> = {}) => ({
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

export const instance = (id: string, over: Record<string, unknown> = {}) => ({
  id,
  host: '127.0.0.1',
  port: 9_100,
  protocol: 'http',
  weight: 100,
  zone: 'a',
  version: '1.4.2',
  metadata: {},
  state: 'healthy',
  lastHeartbeat: before(6),
  healthCheckUrl: '/health',
  inFlight: 1,
  ewmaMs: 3.2,
  ejectedUntil: null,
  ...over,
});

export const breaker = (over: Record<string, unknown> = {}) => ({
  service: 'orders',
  instance: 'orders-1',
  state: 'closed',
  forced: false,
  since: null,
  window: { calls: 118, failures: 0 },
  probes: null,
  retryInMs: null,
  transitions: { open: 0, halfOpen: 0, closed: 0 },
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

export const step = (name: string, over: Record<string, unknown> = {}) => ({
  name,
  status: 'completed',
  attempts: 1,
  startedAt: before(58),
  finishedAt: before(57),
  error: null,
  ...over,
});

export const span = (spanId: string, over: Record<string, unknown> = {}) => ({
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

const frame = (id: number, functionName: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url: `file:///srv/shop/${functionName}.js`, lineNumber: 11, columnNumber: 0 },
  children,
});

/** Half of the time is spent in `renderReport`, which `handler` calls. */
export const profile = () => {
  const leaves = [3, 3, 3, 3, 3, 4, 4, 5, 5, 5];
  return {
    nodes: [
      { ...frame(1, '(root)', [2, 5]), callFrame: { functionName: '(root)', url: '', lineNumber: -1 } },
      frame(2, 'handler', [3, 4]),
      frame(3, 'renderReport'),
      frame(4, 'queryOrders'),
      { ...frame(5, '(idle)'), callFrame: { functionName: '(idle)', url: '', lineNumber: -1 } },
    ],
    startTime: 0,
    endTime: 100_000,
    samples: leaves,
    timeDeltas: leaves.map(() => 10_000),
  };
};

const overview = () => ({
  at: new Date().toISOString(),
  process: {
    service: 'shop',
    version: '0.1.0',
    pid: 4_242,
    node: '20.20.0',
    host: 'shop-1',
    startedAt: before(4_200),
    uptimeS: 4_200,
    ready: true,
    reasons: [],
  },
  windowS: 10,
  requests: { perSecond: 1_240.4, errorsPerSecond: 3.2, inFlight: 14, total: 5_182_340, errors: 1_203 },
  latencyMs: { p50: 2.4, p90: 8.1, p99: 31, max: 412 },
  saturation: [
    { name: 'in-flight requests', used: 14, limit: 512, ratio: 0.027, unit: 'requests' },
    { name: 'event loops', used: 0.72, limit: 2, ratio: 0.36, unit: 'loops' },
    { name: 'heap', used: 131_072_000, limit: 4_294_967_296, ratio: 0.031, unit: 'bytes' },
    { name: 'database connections', used: 19, limit: 20, ratio: 0.95, unit: 'connections' },
    { name: 'CPU queue', used: 3, limit: 64, ratio: 0.047, unit: 'tasks' },
  ],
  problems: [] as unknown[],
});

const calls = () => ({
  windowS: 10,
  nodes: [
    { name: 'clients', kind: 'client' },
    { name: 'users', kind: 'service' },
    { name: 'orders', kind: 'service' },
    { name: 'payments', kind: 'service' },
    { name: 'checkout', kind: 'service' },
    { name: 'postgres', kind: 'database' },
  ],
  edges: [
    { from: 'clients', to: 'users', perSecond: 410, errorsPerSecond: 0, p99Ms: 14, total: 9e5, errors: 3 },
    {
      from: 'clients',
      to: 'checkout',
      perSecond: 22,
      errorsPerSecond: 0.4,
      p99Ms: 120,
      total: 4e4,
      errors: 80,
    },
    { from: 'users', to: 'orders', perSecond: 405, errorsPerSecond: 61, p99Ms: 240, total: 9e5, errors: 4e3 },
    { from: 'checkout', to: 'users', perSecond: 22, errorsPerSecond: 0, p99Ms: 9, total: 4e4, errors: 0 },
    { from: 'checkout', to: 'orders', perSecond: 22, errorsPerSecond: 1, p99Ms: 31, total: 4e4, errors: 9 },
    { from: 'checkout', to: 'payments', perSecond: 21, errorsPerSecond: 0, p99Ms: 88, total: 4e4, errors: 0 },
    { from: 'orders', to: 'postgres', perSecond: 860, errorsPerSecond: 0, p99Ms: 6, total: 2e6, errors: 0 },
    { from: 'users', to: 'postgres', perSecond: 420, errorsPerSecond: 0, p99Ms: 4, total: 1e6, errors: 0 },
  ],
});

const limits = () => ({
  concurrency: {
    inFlight: 14,
    maxInFlight: 512,
    adaptive: true,
    workers: [1, 2].map((id) => ({ id, generation: 1, inFlight: 7, shedding: false })),
    routes: [
      { name: 'GET /api/users/{id}', inFlight: 9, costMs: 2 },
      { name: 'POST /api/checkout', inFlight: 5, costMs: 60 },
    ],
    shed: { 'in-flight': 0, overload: 12 },
  },
  bodies: { pending: 1, maxPending: 256, bufferedBytes: 2_048, maxBufferedBytes: 67_108_864 },
  streams: { open: 3, max: 1_024, maxPerAddress: 512 },
  bulkheads: [{ name: 'reports', held: 2, limit: 4 }],
  databaseConnections: { held: 19, most: 20, waiting: 2 },
  rateLimits: {
    default: '100/second',
    scope: 'process',
    named: [{ name: 'login', limit: '5/minute' }],
    refused: { default: 41 },
    overflow: 0,
  },
});

const switches = () => ({
  logLevel: { level: 'info', setting: 'info', since: null, reason: null },
  sampling: {
    ratio: 0.01,
    setting: 0.01,
    sampler: 'parentbased_traceidratio',
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
      route: '/api/orders/report.csv',
      state: 'on',
      retryAfterSeconds: null,
      since: null,
      reason: null,
    },
  ] as Record<string, unknown>[],
});

const cpu = () => ({
  threads: 2,
  maxThreads: 2,
  busy: 1,
  queued: 3,
  queueLimit: 64,
  utilization: 0.55,
  refused: { 'queue-full': 4 },
  tasks: [
    { service: 'orders', task: 'renderInvoice', runs: 812, failed: 2, p50Ms: 41, p99Ms: 130 },
  ] as unknown[],
  shares: [
    { route: 'GET /api/users/{id}', ratio: 0.42 },
    { route: 'POST /api/checkout', ratio: 0.21 },
    { route: 'other', ratio: 0.06 },
  ] as unknown[],
});

/** A shop in which all is well. */
export const shop = (): PlaneData => ({
  overview: overview(),
  routes: [
    route(),
    route({ method: 'POST', route: '/api/checkout', perSecond: 22, p50Ms: 61, p99Ms: 140, cpuRatio: 0.21 }),
    route({
      route: '/api/orders/report.csv',
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
      statusMessage: 'canceling statement due to statement timeout',
    }),
  ],
  settings: [
    {
      name: 'PORT',
      value: 8080,
      source: 'default',
      default: 8080,
      unit: null,
      meaning: 'The port of the data plane.',
    },
    {
      name: 'ADMIN_TOKEN',
      value: '***',
      source: 'environment',
      default: null,
      unit: null,
      meaning: 'The token of the admin plane.',
    },
    {
      name: 'REQUEST_TIMEOUT_MS',
      value: 4000,
      source: 'environment',
      default: 30000,
      unit: 'ms',
      meaning: 'The deadline of a request.',
    },
  ],
  profile: profile(),
});
