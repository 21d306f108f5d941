// The admin routes of this room: is it alive, is it ready, what has it counted, what do the workers do.
import { type ErrorCode, HttpError } from '../errors.js';
import { coalesced } from '../telemetry/coalesced.js';
import type { MetricSource } from '../telemetry/metric-families.js';
import { metricsJson } from '../telemetry/metrics-json.js';
import { CONTENT_TYPES, type Exposition, negotiate } from '../telemetry/prometheus.js';
import type { AdminHandler, AdminRoute } from './admin-route.js';

export interface Readiness {
  readonly ready: boolean;
  /** Why not, for people; empty when ready. */
  readonly reasons: readonly string[];
  /** For machines; default `STARTING`. */
  readonly code?: Extract<ErrorCode, 'STARTING' | 'DRAINING' | 'NO_WORKER' | 'DATABASE_BUSY'>;
}

/** One row of `GET /workers`. */
export interface WorkerView {
  readonly id: number;
  /** Grows by one with every replacement of the thread. */
  readonly generation: number;
  readonly state: string;
  /** ISO 8601; null before the first start. */
  readonly startedAt: string | null;
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
  /** 0..1 */
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  readonly heapUsedMb: number;
  /** The handler that runs synchronously right now. */
  readonly current: { readonly route: string; readonly sinceMs: number } | null;
}

export interface TelemetryRoutesOptions {
  readonly readiness: () => Readiness;
  /** Whether the process can still do its work; default: it answers, so it is alive. */
  readonly liveness?: () => Readiness;
  readonly exposition: Exposition;
  readonly sources: readonly MetricSource[];
  readonly workers: () => readonly WorkerView[];
}

const JSON_UTF8 = { 'content-type': 'application/json; charset=utf-8' };

export function telemetryRoutes(options: TelemetryRoutesOptions): AdminRoute[] {
  const { exposition, liveness, readiness, sources, workers } = options;
  const alive = liveness ?? (() => ({ ready: true, reasons: [] }));
  // All who ask at the same time share one body: it is encoded once and lies in memory once.
  const pages = {
    prometheus: coalesced(async () => Buffer.from(await exposition.render('prometheus'))),
    openmetrics: coalesced(async () => Buffer.from(await exposition.render('openmetrics'))),
  };
  const json = coalesced(async () => Buffer.from(JSON.stringify(await metricsJson(sources))));
  return [
    { method: 'GET', path: '/livez', access: 'open', isProbe: true, handler: probe('live', alive) },
    { method: 'GET', path: '/readyz', access: 'open', isProbe: true, handler: probe('ready', readiness) },
    {
      method: 'GET',
      path: '/metrics',
      handler: async (request) => {
        const format = negotiate(request.header('accept'));
        const headers = { 'content-type': CONTENT_TYPES[format], vary: 'accept' };
        return { status: 200, bytes: await pages[format](), headers };
      },
    },
    {
      method: 'GET',
      path: '/metrics.json',
      handler: async () => ({ status: 200, bytes: await json(), headers: JSON_UTF8 }),
    },
    { method: 'GET', path: '/workers', handler: () => ({ status: 200, json: workers() }) },
  ];
}

/** 200 with its word, or a 503 problem that lists the reasons. */
function probe(status: 'live' | 'ready', ask: () => Readiness): AdminHandler {
  return () => {
    const { code = 'STARTING', ready, reasons } = ask();
    if (ready) return { status: 200, json: { status, reasons } };
    throw new HttpError(code, `Not ${status}: ${reasons.join('; ') || 'no reason given'}.`, {
      headers: { 'retry-after': '1' },
      members: { reasons },
    });
  };
}
