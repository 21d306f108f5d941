// What the process does, by route, caller, database and task: the series of all threads, put together for the
// views of the admin plane. This file says what the labels of each metric mean; series-watch.ts reads them.
import type { Labels } from '../../memory/metrics/recorder.js';
import { OVERFLOW } from '../../memory/metrics/series.js';
import type { FollowSeries, SeriesFollower } from '../../memory/metrics/series-watch.js';
import { SWITCHED_OFF } from '../../server/kill-switch.js';
import { isServerFault, type ServedSeries, servedSeries } from '../../telemetry/served-requests.js';
import { type WindowClock, WindowCount, WindowHistogram } from './sliding-window.js';

export interface RouteTraffic {
  readonly method: string;
  /** The template; empty for requests that no route has matched. */
  readonly route: string;
  readonly durations: WindowHistogram;
  readonly errors: WindowCount;
  /** The errors that are meant: refusals while an operator has switched the route off. */
  readonly switchedOff: WindowCount;
  /** Responses since the start, by status. */
  readonly statuses: Map<string, number>;
}

export interface CallTraffic {
  readonly calls: WindowCount;
  readonly errors: WindowCount;
}

export interface EdgeTraffic extends CallTraffic {
  readonly from: string;
  readonly to: string;
}

/** Calls or statements, with those that failed. */
export interface TimedTraffic {
  readonly durations: WindowHistogram;
  readonly errors: WindowCount;
}

export interface TaskTraffic {
  readonly service: string;
  readonly task: string;
  readonly durations: WindowHistogram;
  readonly failed: WindowCount;
}

/** Counters that are shown by one label, each with that label; `undefined`: it has none. */
const COUNTERS: Readonly<Record<string, string | undefined>> = {
  multilane_requests_shed_total: 'reason',
  multilane_rate_limited_total: 'limit',
  multilane_rate_limit_overflow_total: undefined,
  multilane_retry_budget_exhausted_total: 'service',
  multilane_log_lines_dropped_total: undefined,
  multilane_spans_dropped_total: 'reason',
  multilane_otlp_items_dropped_total: 'signal',
  multilane_handler_stalls_total: 'route',
  multilane_worker_restarts_total: 'reason',
  multilane_database_wait_seconds_total: 'pool',
  multilane_cpu_tasks_refused_total: 'reason',
  [OVERFLOW]: 'metric',
};

export class Traffic {
  readonly #clock: WindowClock;
  /** All requests of the data plane. */
  readonly requests: WindowHistogram;
  readonly errors: WindowCount;
  readonly #routes = new Map<string, RouteTraffic>();
  readonly #failed = new Set<RouteTraffic>();
  readonly #edges = new Map<string, EdgeTraffic>();
  /** Attempts to reach instances of this process, by service. */
  readonly #ownCalls = new Map<string, CallTraffic>();
  /** Calls by called service. */
  readonly #called = new Map<string, TimedTraffic>();
  readonly #databases = new Map<string, TimedTraffic>();
  readonly #tasks = new Map<string, TaskTraffic>();
  readonly #counters = new Map<string, Map<string, WindowCount>>();
  #connectionsInUse = 0;

  constructor(clock: WindowClock) {
    this.#clock = clock;
    this.requests = new WindowHistogram(clock);
    this.errors = new WindowCount(clock);
  }

  /** The length of the window in seconds. */
  get windowS(): number {
    return Math.round(this.#clock.seconds * 10) / 10;
  }

  /** The database connections of all threads that execute something now; idle ones are not among them. */
  get connectionsInUse(): number {
    return this.#connectionsInUse;
  }

  /** The routes, by method and template. */
  routes(): ReadonlyMap<string, RouteTraffic> {
    return this.#routes;
  }

  /** The routes that have failed since the start: few of what may be ten thousand. */
  failedRoutes(): Iterable<RouteTraffic> {
    return this.#failed;
  }

  route(method: string, route: string): RouteTraffic | undefined {
    return this.#routes.get(`${method} ${route}`);
  }

  edges(): Iterable<EdgeTraffic> {
    return this.#edges.values();
  }

  ownCallsTo(service: string): CallTraffic | undefined {
    return this.#ownCalls.get(service);
  }

  callsTo(service: string): TimedTraffic | undefined {
    return this.#called.get(service);
  }

  databases(): Iterable<readonly [service: string, traffic: TimedTraffic]> {
    return this.#databases;
  }

  tasks(): Iterable<TaskTraffic> {
    return this.#tasks.values();
  }

  /** The counts of one of COUNTERS, by its label. */
  counts(metric: string): Iterable<readonly [label: string, count: WindowCount]> {
    return this.#counters.get(metric) ?? [];
  }

  /** The totals of one of COUNTERS, by its label. */
  readonly totalsBy = (metric: string): Readonly<Record<string, number>> =>
    Object.fromEntries([...this.counts(metric)].map(([label, { total }]) => [label, total]));

  readonly follow: FollowSeries = (metric, labels) => {
    const served = servedSeries(metric, labels);
    if (served !== undefined) return this.#route(served);
    switch (metric) {
      case 'multilane_calls_total':
        return this.#edge(labels);
      case 'http_client_request_duration_seconds':
      case 'rpc_client_call_duration_seconds':
        return timed(this.#timedIn(this.#called, labels.server_address), labels);
      case 'db_client_operation_duration_seconds':
        return timed(this.#timedIn(this.#databases, labels.db_namespace), labels);
      case 'db_client_connections':
        return labels.state === 'used' ? this.#inUse : undefined;
      case 'multilane_cpu_task_duration_seconds':
        return this.#task(labels);
      default:
        return Object.hasOwn(COUNTERS, metric) ? this.#counter(metric, labels) : undefined;
    }
  };

  /** One of COUNTERS that no thread counts in its series stands at this number now. */
  reached(metric: string, label: string, total: number): void {
    const count = this.#countOf(metric, label);
    if (total > count.total) count.add(total - count.total);
  }

  readonly #inUse: SeriesFollower = {
    changed: (by) => {
      this.#connectionsInUse += by;
    },
  };

  #route({ method, route, status, error }: ServedSeries): SeriesFollower {
    const key = `${method} ${route}`;
    const clock = this.#clock;
    const traffic = this.#routes.get(key) ?? {
      method,
      route,
      durations: new WindowHistogram(clock),
      errors: new WindowCount(clock),
      switchedOff: new WindowCount(clock),
      statuses: new Map<string, number>(),
    };
    this.#routes.set(key, traffic);
    const { durations, errors, switchedOff, statuses } = traffic;
    return {
      recorded: (cell, n) => {
        durations.record(cell, n);
        this.requests.record(cell, n);
        statuses.set(status, (statuses.get(status) ?? 0) + n);
        if (error === undefined) return;
        errors.add(n);
        this.errors.add(n);
        this.#failed.add(traffic);
        if (error === SWITCHED_OFF) switchedOff.add(n);
      },
      reached: (us) => {
        durations.reach(us);
        this.requests.reach(us);
      },
    };
  }

  #edge({ from = '', to = '', target, outcome }: Labels): SeriesFollower {
    const key = `${from} ${to}`;
    const clock = this.#clock;
    const edge = this.#edges.get(key) ?? {
      from,
      to,
      calls: new WindowCount(clock),
      errors: new WindowCount(clock),
    };
    this.#edges.set(key, edge);
    const own = target === 'own' ? this.#ownCallsOf(to) : undefined;
    return {
      added: (n) => {
        edge.calls.add(n);
        own?.calls.add(n);
        if (outcome !== 'error') return;
        edge.errors.add(n);
        own?.errors.add(n);
      },
    };
  }

  #ownCallsOf(service: string): CallTraffic {
    const clock = this.#clock;
    const own = this.#ownCalls.get(service) ?? {
      calls: new WindowCount(clock),
      errors: new WindowCount(clock),
    };
    this.#ownCalls.set(service, own);
    return own;
  }

  #timedIn(map: Map<string, TimedTraffic>, name = ''): TimedTraffic {
    const clock = this.#clock;
    const one = map.get(name) ?? { durations: new WindowHistogram(clock), errors: new WindowCount(clock) };
    map.set(name, one);
    return one;
  }

  /** What a task had left behind when it ended is no run. */
  #task({ service = '', task = '', outcome = '' }: Labels): SeriesFollower | undefined {
    if (outcome === 'leftover') return undefined;
    const key = `${service} ${task}`;
    const clock = this.#clock;
    const traffic = this.#tasks.get(key) ?? {
      service,
      task,
      durations: new WindowHistogram(clock),
      failed: new WindowCount(clock),
    };
    this.#tasks.set(key, traffic);
    return {
      recorded: (cell, n) => {
        traffic.durations.record(cell, n);
        if (outcome !== 'ok') traffic.failed.add(n);
      },
      reached: (us) => traffic.durations.reach(us),
    };
  }

  #counter(metric: string, labels: Labels): SeriesFollower {
    const label = COUNTERS[metric];
    const count = this.#countOf(metric, label === undefined ? '' : (labels[label] ?? ''));
    return { added: (n) => count.add(n) };
  }

  #countOf(metric: string, value: string): WindowCount {
    const counts = this.#counters.get(metric) ?? new Map<string, WindowCount>();
    this.#counters.set(metric, counts);
    const count = counts.get(value) ?? new WindowCount(this.#clock);
    counts.set(value, count);
    return count;
  }
}

const timed = ({ durations, errors }: TimedTraffic, labels: Labels): SeriesFollower => {
  const isFailure = hasFailed(labels);
  return {
    recorded: (cell, n) => {
      durations.record(cell, n);
      if (isFailure) errors.add(n);
    },
    reached: (us) => durations.reach(us),
  };
};

/** Attempts that the caller has given up, or that lost against a hedge, show nothing of the service. */
const CANCELLED = new Set(['CLIENT_CLOSED', 'AbortError', 'HedgeLost']);

/** Whether a call or a statement has failed; calls as in `multilane_calls_total`. */
function hasFailed({
  error_type: error = '',
  http_response_status_code: status = '',
  rpc_response_status_code: rpcStatus = '',
}: Labels): boolean {
  // A response to a gRPC call has its status as the error. One to a call over HTTP has no error.
  if (rpcStatus !== '' && error === rpcStatus) return isServerFault(rpcStatus);
  return Number(status) >= 500 || (error !== '' && !CANCELLED.has(error));
}
