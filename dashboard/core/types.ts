// The JSON of the admin plane as docs/admin-json.md describes it, as far as the dashboard shows it.

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export type Severity = 'critical' | 'warning' | 'info';

export interface Problem {
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly detail: string;
  /** A place in the dashboard, such as `#/breakers`. */
  readonly page: string;
  readonly since: string | null;
}

export interface Saturation {
  readonly name: string;
  readonly used: number;
  readonly limit: number | null;
  readonly ratio: number | null;
  readonly unit: string;
}

export interface Overview {
  readonly at: string;
  readonly process: {
    readonly service: string;
    readonly version: string;
    readonly pid: number;
    readonly node: string;
    readonly host: string;
    readonly startedAt: string;
    readonly uptimeS: number;
    readonly ready: boolean;
    readonly reasons: readonly string[];
  };
  readonly windowS: number;
  readonly requests: {
    readonly perSecond: number;
    readonly errorsPerSecond: number;
    readonly inFlight: number;
    readonly total: number;
    readonly errors: number;
  };
  readonly latencyMs: Quantiles;
  readonly saturation: readonly Saturation[];
  readonly problems: readonly Problem[];
}

export interface Quantiles {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface RouteRow {
  readonly method: string;
  readonly route: string;
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
  readonly inFlight: number;
  readonly off: boolean;
  readonly docs: string | null;
}

export interface Routes extends Page<RouteRow> {
  readonly windowS: number;
}

export interface RouteHistogram {
  readonly method: string;
  readonly route: string;
  readonly windowS: number;
  readonly edgesMs: readonly number[];
  readonly window: readonly number[];
  readonly total: readonly number[];
  readonly statuses: Readonly<Record<string, number>>;
}

export interface Worker {
  readonly id: number;
  readonly kind: string;
  readonly generation: number;
  readonly state: string;
  readonly startedAt: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly requests: number;
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  readonly heapUsedMb: number;
  readonly current: { readonly route: string; readonly sinceMs: number } | null;
}

export interface Flight {
  readonly method: string;
  readonly route: string | null;
  readonly requestId: string | null;
  readonly ageMs: number;
  readonly status: number | null;
  readonly durationMs: number | null;
}

export interface Service {
  readonly service: string;
  readonly local: boolean;
  readonly states: Readonly<Record<string, number>>;
  readonly instances: number;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
}

export interface Instance {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
  readonly weight: number;
  readonly zone: string | null;
  readonly version: string | null;
  readonly state: string;
  readonly lastHeartbeat: string | null;
  readonly healthCheckUrl: string | null;
  readonly inFlight: number;
  readonly ewmaMs: number | null;
  readonly ejectedUntil: string | null;
}

export interface CallNode {
  readonly name: string;
  readonly kind: string;
}

export interface CallEdge {
  readonly from: string;
  readonly to: string;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
  readonly p99Ms: number | null;
  readonly total: number;
  readonly errors: number;
}

export interface Calls {
  readonly windowS: number;
  readonly nodes: readonly CallNode[];
  readonly edges: readonly CallEdge[];
}

export interface Breaker {
  readonly service: string;
  readonly instance: string;
  readonly state: string;
  readonly forced: boolean;
  /** When it opened. */
  readonly since?: string | null;
  readonly window: { readonly calls: number; readonly failures: number } | null;
  readonly probes: { readonly permitted: number; readonly taken: number; readonly succeeded: number } | null;
  readonly retryInMs: number | null;
  readonly transitions: Readonly<Record<string, number>>;
}

export interface Limits {
  readonly concurrency: {
    readonly inFlight: number;
    readonly maxInFlight: number;
    readonly adaptive: boolean;
    readonly workers: readonly {
      readonly id: number;
      readonly generation: number;
      readonly inFlight: number;
      readonly shedding: boolean;
    }[];
    readonly routes: readonly { readonly name: string; readonly inFlight: number; readonly costMs: number }[];
    readonly shed: Readonly<Record<string, number>>;
  };
  readonly bodies: {
    readonly pending: number;
    readonly maxPending: number;
    readonly bufferedBytes: number;
    readonly maxBufferedBytes: number;
  };
  readonly streams: { readonly open: number; readonly max: number; readonly maxPerAddress: number };
  readonly bulkheads: readonly {
    readonly name: string;
    readonly held: number;
    readonly limit: number | null;
  }[];
  readonly databaseConnections: { readonly held: number; readonly most: number; readonly waiting: number };
  readonly rateLimits: {
    readonly default: string | null;
    readonly scope: string;
    readonly named: readonly { readonly name: string; readonly limit: string }[];
    readonly refused: Readonly<Record<string, number>>;
    readonly overflow: number;
  };
}

interface Switched {
  readonly since: string | null;
  readonly reason: string | null;
}

export interface RouteSwitch extends Switched {
  readonly service: string | null;
  readonly method: string;
  readonly route: string;
  readonly state: 'on' | 'off';
  readonly retryAfterSeconds: number | null;
}

export interface Switches {
  readonly logLevel: Switched & { readonly level: string; readonly setting: string };
  readonly sampling: Switched & {
    readonly ratio: number;
    readonly setting: number;
    readonly sampler: string;
    readonly exporting: boolean;
  };
  /** The share of requests with a line in the log. */
  readonly requestLog?: Switched & { readonly ratio: number; readonly setting: number };
  readonly cpuThreads: Switched & { readonly threads: number; readonly setting: number };
  readonly routes: readonly RouteSwitch[];
}

export interface Saga {
  readonly sagaId: string;
  readonly saga: string;
  readonly version: number;
  readonly status: string;
  readonly idempotencyKey: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly reason: string | null;
}

export interface SagaStep {
  readonly name: string;
  readonly status: string;
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface SagaView {
  readonly sagaId: string;
  readonly saga: string;
  readonly version: number;
  readonly status: string;
  readonly steps: readonly SagaStep[];
  readonly results: Readonly<Record<string, unknown>>;
  readonly error: { readonly code: string; readonly message: string; readonly failedStep: string } | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly reason: string | null;
}

export interface Cpu {
  readonly threads: number;
  readonly maxThreads: number;
  readonly busy: number;
  readonly queued: number;
  readonly queueLimit: number | null;
  readonly utilization: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly tasks: readonly {
    readonly service: string;
    readonly task: string;
    readonly runs: number;
    readonly failed: number;
    readonly p50Ms: number | null;
    readonly p99Ms: number | null;
  }[];
  readonly shares: readonly { readonly route: string; readonly ratio: number }[];
}

export interface TraceRow {
  readonly traceId: string;
  readonly name: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly status: string;
  readonly httpStatus: number | null;
  readonly spans: number;
  readonly worker: number | null;
  readonly route: string | null;
}

export interface Traces extends Page<TraceRow> {
  readonly isRecording: boolean;
  readonly sampled: number;
}

export interface Span {
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly status: string;
  readonly statusMessage: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly worker: number | null;
}

export interface Trace {
  readonly traceId: string;
  /** Earlier spans, which are not listed. */
  readonly spansLeftOut: number;
  readonly spans: readonly Span[];
}

export interface Setting {
  readonly name: string;
  readonly value: unknown;
  readonly source: string;
  readonly default: unknown;
  readonly unit: string | null;
  readonly meaning: string;
}
