// What each alert of deploy/prometheus/multilane-alerts.yml is tested with: the values of a process that is
// in trouble, and of one that is well. Values are in the notation of promtool (`0+10x30`: 31 samples, one a
// minute, each 10 more than the one before; `_`: no sample).
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/

export interface AlertCase {
  /** The minute at which only the process in trouble has the alert. */
  readonly at: number;
  /** A minute at which it does not have the alert yet, because the trouble has not lasted. */
  readonly notYetAt?: number;
  /** Series by name and labels: the values of the process in trouble, and of the one that is well. */
  readonly series: Readonly<Record<string, readonly [bad: string, good: string]>>;
}

const requests = (status: string, route = '/a', error = ''): string =>
  `http_server_request_duration_seconds_count{http_request_method="GET",http_route="${route}",http_response_status_code="${status}",error_type="${error}"}`;
const rpcCalls = (status: string, error = ''): string =>
  `rpc_server_call_duration_seconds_count{rpc_method="orders/Get",rpc_response_status_code="${status}",error_type="${error}"}`;
const bucket = (le: string): string =>
  `http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="${le}"}`;
const sagas = (outcome: string): string => `multilane_sagas_total{saga="checkout",outcome="${outcome}"}`;
const breaker = (state: string): string =>
  `multilane_breaker_state{service="orders",endpoint="a",state="${state}"}`;
const workers = (state: string): string => `multilane_workers{state="${state}"}`;
const serving = (worker: number, kind: 'http' | 'grpc'): string =>
  `multilane_worker_serving{worker="${worker}",kind="${kind}"}`;
const loop = (worker: number): string => `multilane_worker_loop_utilization_ratio{worker="${worker}"}`;
const shedding = (worker: number): string => `multilane_worker_shedding{worker="${worker}"}`;
const shed = (reason: string): string => `multilane_requests_shed_total{reason="${reason}"}`;
const instances = (state: string): string =>
  `multilane_registry_instances{service="orders",state="${state}"}`;
const statements = (error: string): string =>
  `db_client_operation_duration_seconds_count{db_namespace="orders",db_operation_name="select",error_type="${error}"}`;

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  MultilaneDown: {
    // It has been down for longer than an hour.
    at: 90,
    notYetAt: 9,
    series: { [workers('ready')]: ['2x9 _x100', '2x110'], up: ['1x9 0x100', '1x110'] },
  },
  MultilaneProcessRestarts: {
    at: 20,
    notYetAt: 12,
    // It is reached between its restarts, and is down at the moment of the check. The other was deployed
    // three times.
    series: {
      process_start_time_seconds: [
        '100x9 600 660 _ 780 840 _ 960 1020 _ 1140 _ 1260 1320',
        '100x9 600x3 840x3 1080x20',
      ],
      [workers('ready')]: ['2x9 2 2 stale 2 2 stale 2 2 stale 2 stale 2 2', '2x40'],
    },
  },
  MultilaneNoReadyWorker: {
    at: 20,
    notYetAt: 10,
    // A gRPC worker serves beside HTTP workers that do not. The other process has only a failed thread, which
    // it keeps.
    series: {
      [serving(1, 'http')]: ['1x9 0x30', '1x40'],
      [serving(2, 'http')]: ['1x9 0x30', '1x9 0x30'],
      [serving(3, 'grpc')]: ['1x40', '1x40'],
      [workers('ready')]: ['3x9 1x30', '3x9 0x30'],
    },
  },
  MultilaneWorkersMissing: {
    at: 20,
    notYetAt: 13,
    // One is tried again and again: its failed thread is kept, and now and then another one starts.
    series: {
      [serving(1, 'http')]: ['1x40', '1x40'],
      [serving(2, 'http')]: ['1x40', '1x9 0x2 1x30'],
      [workers('ready')]: ['2x9 1x30', '2x9 1x2 2x30'],
      [workers('draining')]: ['0x9 1x30', '0x40'],
      [workers('starting')]: [`0x9${' 1 0 0'.repeat(10)}`, '0x40'],
      [workers('stalled')]: ['0x40', '0x9 1x2 0x30'],
    },
  },
  MultilaneWorkerWedged: {
    at: 20,
    notYetAt: 11,
    series: { [workers('wedged')]: ['0x9 1x30', '0x40'] },
  },
  MultilaneWorkerRestarts: {
    at: 20,
    notYetAt: 5,
    series: {
      // After a scrape that is missing, `increase` extrapolates three restarts to 3.2.
      'multilane_worker_restarts_total{reason="heap"}': ['0x9 0+1x30', '5x4 _ 5x3 6 7 8x30'],
      // A process that was not scraped for a while, or never before, has restarted workers long ago.
      'multilane_worker_restarts_total{reason="crash"}': ['_x40', '_x17 9x30'],
      [workers('ready')]: ['2x40', '_x17 2x30'],
      'multilane_worker_restarts_total{reason="reload"}': ['0x40', '0+1x40'],
    },
  },
  MultilaneHandlerStalls: {
    at: 20,
    notYetAt: 11,
    // The series begins with its first stall.
    series: {
      'multilane_handler_stalls_total{route="/report"}': ['_x14 1x30', '_x15 1x40'],
      [workers('ready')]: ['2x40', '_x15 2x40'],
    },
  },
  MultilaneLoopsSaturated: {
    at: 30,
    notYetAt: 15,
    series: {
      [serving(1, 'http')]: ['1x40', '1x40'],
      [serving(2, 'http')]: ['1x40', '1x40'],
      // One that starts again and again has no load.
      [serving(3, 'http')]: ['0x40', '0x40'],
      [loop(1)]: ['0.2x9 0.97x30', '0.99x40'],
      [loop(2)]: ['0.2x9 0.95x30', '0.1x40'],
      [loop(3)]: ['0x40', '0x40'],
    },
  },
  MultilanePrimaryDelayed: {
    at: 20,
    notYetAt: 12,
    series: {
      nodejs_eventloop_lag_p99_seconds: ['0.01x9 0.3x30', '0.02x40'],
      [workers('ready')]: ['2x40', '2x40'],
    },
  },
  MultilaneOpenFilesNearLimit: {
    at: 20,
    notYetAt: 12,
    series: {
      process_open_fds: ['100x9 950x30', '100x40'],
      process_max_fds: ['1000x40', '1000x40'],
      [workers('ready')]: ['2x40', '2x40'],
    },
  },
  MultilaneErrorRateHigh: {
    at: 30,
    notYetAt: 12,
    series: {
      [requests('200')]: ['0+60x60', '0+60x60'],
      [requests('500')]: ['0x9 0+60x50', '0+1x60'],
      // One request of a route that is hardly used is no rate.
      [requests('500', '/rare')]: ['0x60', '0x20 1x40'],
      // An operator has switched this one off.
      [requests('503', '/off', 'SWITCHED_OFF')]: ['0x60', '0+60x60'],
    },
  },
  MultilaneRpcErrorRateHigh: {
    at: 30,
    notYetAt: 12,
    series: {
      [rpcCalls('OK')]: ['0+60x60', '0+60x60'],
      [rpcCalls('UNAVAILABLE')]: ['0x9 0+60x50', '0+1x60'],
      // Calls that their clients got wrong are no fault of the server.
      [rpcCalls('INVALID_ARGUMENT')]: ['0x60', '0+60x60'],
      [rpcCalls('UNAVAILABLE', 'SWITCHED_OFF')]: ['0x60', '0+60x60'],
    },
  },
  MultilaneLatencyHigh: {
    at: 40,
    notYetAt: 12,
    series: {
      [requests('200')]: ['0+60x60', '0+60x60'],
      [bucket('0.1')]: ['0+60x9 540+0x50', '0+60x60'],
      [bucket('2.5')]: ['0+60x60', '0+60x60'],
      [bucket('+Inf')]: ['0+60x60', '0+60x60'],
    },
  },
  MultilaneRequestsShed: {
    at: 30,
    notYetAt: 12,
    series: {
      [requests('200')]: ['0+60x60', '0+60x60'],
      [shed('queue')]: ['0x9 0+30x50', '0x60'],
      [shed('background')]: ['0x60', '0+30x60'],
      // A client sends bodies that are too large.
      [shed('body_too_large')]: ['0x60', '0+30x60'],
    },
  },
  MultilaneAllWorkersShedding: {
    at: 20,
    notYetAt: 11,
    series: {
      [serving(1, 'http')]: ['1x40', '1x40'],
      [serving(2, 'http')]: ['1x40', '1x40'],
      [serving(3, 'http')]: ['0x40', '0x40'],
      [shedding(1)]: ['0x9 1x30', '1x40'],
      [shedding(2)]: ['0x9 1x30', '0x40'],
      [shedding(3)]: ['0x40', '0x40'],
    },
  },
  MultilaneConnectionsRefused: {
    at: 30,
    notYetAt: 12,
    series: { [shed('max_connections')]: ['0x9 0+60x50', '0x60'], [shed('queue')]: ['0x60', '0+60x60'] },
  },
  MultilaneRateLimited: {
    at: 40,
    notYetAt: 15,
    series: { 'multilane_rate_limited_total{limit="default"}': ['0x9 0+1200x50', '0+60x60'] },
  },
  MultilaneRouteSwitchedOff: {
    // A moment at which the rare route is called.
    at: 46,
    notYetAt: 30,
    // One is called every 6 minutes. Of the other, many clients were refused once.
    series: {
      [shed('switched_off')]: [
        `0x9${[1, 2, 3, 4, 5, 6, 7].map((n) => ` ${n}x5`).join('')}`,
        '0x9 0+6x5 36x60',
      ],
    },
  },
  MultilaneBreakerOpen: {
    at: 20,
    notYetAt: 11,
    // Scrapes see it open and half-open in turn, and one sees it closed. The other was open for a moment, and
    // gets no calls since.
    series: {
      [breaker('open')]: [`0x9${' 1 0'.repeat(15)}`, '0x9 1 0x27'],
      [breaker('half-open')]: ['0x9 0 1 0 1 0 0 0 1 0 1 0 1 0 1 0 1 0 1 0x10', '0x10 1x27'],
      [breaker('closed')]: ['1x9 0x4 1 0x25', '1x9 0x28'],
    },
  },
  MultilaneServiceUnavailable: {
    at: 20,
    notYetAt: 10,
    series: {
      [instances('healthy')]: ['2x9 _x30', '1x40'],
      [instances('unhealthy')]: ['_x10 2x30', '1x40'],
    },
  },
  MultilaneInstancesEjected: {
    at: 30,
    notYetAt: 15,
    series: {
      // One returns now and then, and is ejected again. The other was ejected once.
      [instances('ejected')]: ['_x9 1 1 stale 1 1 1 stale _ 1x4 stale 1x30', '_x9 1x3 stale _x30'],
      [instances('healthy')]: ['2x40', '2x40'],
    },
  },
  MultilaneRetryBudgetExhausted: {
    at: 30,
    notYetAt: 12,
    series: { 'multilane_retry_budget_exhausted_total{service="orders"}': ['0x9 0+60x50', '0x60'] },
  },
  MultilaneRegistryDown: {
    at: 20,
    notYetAt: 11,
    series: { 'multilane_registry_up{registry="etcd"}': ['1x9 0x30', '1x40'] },
  },
  MultilaneSagasNeedAttention: {
    // They wait for longer than an hour.
    at: 100,
    notYetAt: 9,
    series: { 'multilane_sagas_needing_attention{service="checkout"}': ['0x9 2x110', '0x120'] },
  },
  MultilaneSagasCompensated: {
    at: 50,
    notYetAt: 15,
    series: {
      [sagas('completed')]: ['0+60x60', '0+60x60'],
      [sagas('compensated')]: ['0x9 0+60x60', '0+1x60'],
      [sagas('needs-attention')]: ['0x60', '0x60'],
    },
  },
  MultilaneDatabaseConnectionsExhausted: {
    at: 30,
    notYetAt: 12,
    series: { 'db_client_connection_pending_requests{pool="orders"}': ['0x9 50x30', '0x40'] },
  },
  MultilaneDatabaseErrors: {
    at: 30,
    notYetAt: 12,
    series: {
      [statements('')]: ['0+60x60', '0+60x60'],
      [statements('57014')]: ['0x9 0+60x50', '0+1x60'],
    },
  },
  MultilaneCpuTasksRefused: {
    at: 30,
    notYetAt: 12,
    series: { 'multilane_cpu_tasks_refused_total{reason="queue"}': ['0x9 0+6x50', '0x60'] },
  },
  MultilaneCpuThreadStuck: {
    at: 20,
    notYetAt: 13,
    series: { multilane_cpu_threads_stuck: ['0x9 1x30', '0x40'] },
  },
  MultilaneLogLinesDropped: {
    at: 20,
    notYetAt: 9,
    series: { multilane_log_lines_dropped_total: ['0x9 7x30', '0x40'] },
  },
  MultilaneSpansDropped: {
    at: 20,
    notYetAt: 9,
    series: {
      'multilane_spans_dropped_total{reason="unreachable"}': ['0x9 0+5x30', '0x40'],
      'multilane_spans_dropped_total{reason="shutdown"}': ['0x40', '0x9 5x30'],
    },
  },
  MultilaneOtlpItemsDropped: {
    at: 20,
    notYetAt: 9,
    series: {
      'multilane_otlp_items_dropped_total{signal="logs",reason="unreachable"}': ['0x9 0+5x30', '0x40'],
      'multilane_otlp_items_dropped_total{signal="logs",reason="shutdown"}': ['0x40', '0x9 5x30'],
    },
  },
  MultilaneSeriesOverflow: {
    at: 80,
    notYetAt: 69,
    series: {
      'multilane_series_overflow_total{metric="shop_carts_total"}': ['_x70 3x30', '_x70 3x30'],
      [workers('ready')]: ['2x100', '_x70 2x30'],
    },
  },
};
