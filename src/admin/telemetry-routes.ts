// The routes of telemetry: liveness, readiness, metrics, and the list of workers.
import { type ErrorCode, HttpError } from '../errors.js';
import { coalescedAfresh } from '../telemetry/coalesced.js';
import type { MetricSource } from '../telemetry/metric-families.js';
import { metricsJson } from '../telemetry/metrics-json.js';
import type { Exposition } from '../telemetry/prometheus.js';
import { type AdminHandler, type AdminRoute, JSON_UTF8 } from './admin-route.js';
import { metricsRoute } from './metrics-route.js';

export interface Readiness {
  readonly ready: boolean;
  /** The reasons why it is not ready, for people; empty when ready. */
  readonly reasons: readonly string[];
  /**
   * The code of the problem document while it is not ready.
   * @default `STARTING`
   */
  readonly code?: Extract<ErrorCode, 'STARTING' | 'DRAINING' | 'NO_WORKER' | 'DATABASE_BUSY'>;
}

/** One row of `GET /workers`. */
export interface WorkerView {
  readonly id: number;
  readonly kind: 'http' | 'grpc';
  /** The number of this thread of the worker: every replacement adds one. */
  readonly generation: number;
  readonly state: string;
  /** ISO 8601 time; null before the first start. */
  readonly startedAt: string | null;
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
  /** The share of time that the event loop was busy, 0 to 1. */
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  readonly heapUsedMb: number;
  /** The route whose handler occupies the event loop; null when none does. */
  /** Null outside of a handler. The route is null while its name is not known: see memory/route-names.ts. */
  readonly current: { readonly route: string | null; readonly sinceMs: number } | null;
}

export interface TelemetryRoutesOptions {
  readonly readiness: () => Readiness;
  /**
   * Whether the process can still do its work.
   * @default a process that responds is alive
   */
  readonly liveness?: () => Readiness;
  readonly exposition: Exposition;
  readonly sources: readonly MetricSource[];
  readonly workers: () => readonly WorkerView[];
}

export function telemetryRoutes(options: TelemetryRoutesOptions): AdminRoute[] {
  const { exposition, liveness, readiness, sources, workers } = options;
  const alive = liveness ?? (() => ({ ready: true, reasons: [] }));
  // Requests at the same time share one body, which is encoded once and is in memory once.
  const json = coalescedAfresh(async () => Buffer.from(JSON.stringify(await metricsJson(sources))));
  return [
    { method: 'GET', path: '/livez', access: 'open', isProbe: true, handler: probe('live', alive) },
    { method: 'GET', path: '/readyz', access: 'open', isProbe: true, handler: probe('ready', readiness) },
    metricsRoute(exposition),
    {
      method: 'GET',
      path: '/metrics.json',
      handler: async () => ({ status: 200, bytes: await json(), headers: JSON_UTF8 }),
    },
    { method: 'GET', path: '/workers', handler: () => ({ status: 200, json: workers() }) },
  ];
}

/** Responds with 200, or with a 503 problem that lists the reasons. */
function probe(status: 'live' | 'ready', read: () => Readiness): AdminHandler {
  return () => {
    const { code = 'STARTING', ready, reasons } = read();
    if (ready) return { status: 200, json: { status, reasons } };
    throw new HttpError(code, `Not ${status}: ${reasons.join('; ') || 'no reason given'}.`, {
      headers: { 'retry-after': '1' },
      members: { reasons },
    });
  };
}
