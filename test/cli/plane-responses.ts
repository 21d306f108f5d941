// The responses of an admin plane of this version to the commands, checked by the types of the process
// itself.

import type { WorkerView } from '#src/admin/telemetry-routes.js';
import type { SagaPage } from '#src/saga/operator.js';
import type { SagaView } from '#src/saga/saga.js';
import type { MetricsJson } from '#src/telemetry/metrics-json.js';

const AT = '2026-01-01T00:00:00Z';
const ERROR = { code: 'A', message: 'b' };

const worker: WorkerView = {
  id: 1,
  kind: 'http',
  generation: 1,
  state: 'ready',
  startedAt: AT,
  connections: 0,
  inFlight: 0,
  requests: 1,
  loopUtilization: 0.1,
  loopDelayP99Ms: 1,
  heapUsedMb: 9,
  current: { route: '/a', sinceMs: 1 },
};
const totals: MetricsJson = {
  request_count: 1,
  error_count: 0,
  active_requests: 0,
  uptime_seconds: 9,
  response_time_ms: { p50: 1, p90: 2, p99: 3, max: 4 },
  routes: [],
};
const saga: SagaView = {
  sagaId: 'i',
  saga: 'checkout',
  version: 1,
  status: 'compensated',
  steps: [{ name: 'a', status: 'failed', attempts: 1, startedAt: null, finishedAt: AT, error: ERROR }],
  results: {},
  error: { ...ERROR, failedStep: 'a' },
  createdAt: AT,
  updatedAt: AT,
  reason: 'r',
};
const page: SagaPage = { items: [{ ...saga, input: {}, idempotencyKey: null }], nextCursor: 'c' };

const overview = {
  windowS: 10,
  requests: { perSecond: 1.25, errorsPerSecond: 0 },
  latencyMs: { p50: 1, p99: null },
  problems: [{ severity: 'warning', title: 'A breaker is open', detail: 'orders a' }],
};
const routes = {
  items: [
    {
      ...{ method: 'GET', route: '/a', perSecond: 1, errorsPerSecond: 0, p50Ms: 1, p99Ms: null },
      ...{ cpuRatio: 0.5, stalls: 0, off: true },
    },
  ],
};
const breakers = {
  items: [
    {
      ...{ service: 'orders', instance: 'a', state: 'half-open', forced: false, retryInMs: null },
      ...{ window: null, probes: { permitted: 3, taken: 2, succeeded: 1 } },
    },
  ],
};

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const RESPONSES: readonly (readonly [RegExp, object])[] = [
  [/^\/workers\/reload/, { workers: 1 }],
  [/^\/workers/, [worker]],
  [/^\/metrics\.json/, totals],
  [/^\/overview/, overview],
  [/^\/routes/, routes],
  [/^\/breakers/, breakers],
  [/^\/sagas(?:\?|$)/, page],
  [/^\/sagas\//, saga],
];

/** @throws Error for a path without a response here */
export function responseTo(path: string): Json {
  const found = RESPONSES.find(([pattern]) => pattern.test(path));
  if (found === undefined) throw new Error(`there is no response for ${path}`);
  return found[1] as Json;
}
