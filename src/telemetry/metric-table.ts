// Every metric of the product: its name, kind, help and labels. `/metrics` and `/metrics.json` are made from
// this table, and docs/contract.md is compared with it. Names follow OpenTelemetry's semantic conventions in
// Prometheus form.
import type { MetricKind } from '../memory/metrics/recorder.js';

/**
 * How values with the same name and labels from several sources are merged, e.g. from two parts of the
 * primary that both shed requests. (The threads of one source are always summed in memory.)
 */
export type MetricMerge = 'sum' | 'max' | 'last';

export interface MetricEntry {
  readonly kind: MetricKind;
  readonly help: string;
  /** Labels in the order in which they are shown. Other labels of a series follow by name. */
  readonly labels: readonly string[];
  readonly merge: MetricMerge;
}

const counter = (help: string, ...labels: string[]): MetricEntry => ({
  kind: 'counter',
  help,
  labels,
  merge: 'sum',
});
const gauge = (merge: MetricMerge, help: string, ...labels: string[]): MetricEntry => ({
  kind: 'gauge',
  help,
  labels,
  merge,
});
/** A histogram that is recorded in microseconds and shown in seconds. */
const duration = (help: string, ...labels: string[]): MetricEntry => ({
  kind: 'histogram',
  help,
  labels,
  merge: 'sum',
});

export const METRICS = {
  http_server_request_duration_seconds: duration(
    'Duration of HTTP requests, from the end of the header to the end of the response.',
    'http_request_method',
    'http_route',
    'http_response_status_code',
    'url_scheme',
    'error_type',
  ),
  rpc_server_call_duration_seconds: duration(
    'Duration of gRPC calls, from their metadata to the end of the response.',
    'rpc_system_name',
    'rpc_method',
    'rpc_response_status_code',
    'error_type',
  ),
  http_server_active_requests: gauge('last', 'HTTP requests and gRPC calls in the workers now.'),
  http_client_request_duration_seconds: duration(
    'Duration of calls to other services, one per attempt.',
    'http_request_method',
    'server_address',
    'http_response_status_code',
    'error_type',
  ),
  rpc_client_call_duration_seconds: duration(
    'Duration of calls to other services by gRPC, one per attempt.',
    'rpc_system_name',
    'rpc_method',
    'server_address',
    'rpc_response_status_code',
    'error_type',
  ),
  db_client_operation_duration_seconds: duration(
    'Duration of database statements and transactions.',
    'db_system_name',
    'db_namespace',
    'db_operation_name',
    'error_type',
  ),
  db_client_connections: gauge('sum', 'Database connections by state.', 'state', 'pool'),
  db_client_connection_pending_requests: gauge('sum', 'Callers that wait for a database connection.', 'pool'),
  multilane_database_wait_seconds_total: counter(
    'Time that callers in workers have waited for a database connection, added up.',
    'pool',
  ),
  multilane_workers: gauge('last', 'Workers, of HTTP and gRPC, by state.', 'state'),
  multilane_worker_serving: gauge(
    'last',
    '1 while a thread of the worker serves, even one that has failed and is kept for that; kind: http or grpc.',
    'worker',
    'kind',
  ),
  multilane_handler_stalls_total: counter(
    'Stalls of workers (event loop blocked for STALL_MS), by the route whose handler was interrupted; empty: none was.',
    'route',
  ),
  multilane_worker_restarts_total: counter(
    'Workers, of HTTP and gRPC, that were replaced, by reason.',
    'reason',
  ),
  multilane_drain_connections_closed_total: counter(
    'Connections that were closed because they were still open at the end of a drain; a request in transit is lost.',
  ),
  multilane_rebalance_connections_closed_total: counter(
    'Connections that were closed after a response because their worker had more than its share; clients reconnect to another.',
  ),
  multilane_log_lines_dropped_total: counter(
    'Log lines that were lost because the reader of the log was too slow.',
  ),
  multilane_otlp_items_dropped_total: counter(
    'Data points and log lines that did not reach the collector, by signal and reason.',
    'signal',
    'reason',
  ),
  multilane_spans_dropped_total: counter('Spans that did not reach the collector, by reason.', 'reason'),
  multilane_worker_loop_utilization_ratio: gauge('last', 'Share of time the event loop was busy.', 'worker'),
  multilane_route_cpu_ratio: gauge(
    'last',
    'Share of a route in the CPU time that all workers have used in the last 30 seconds, from samples.',
    'route',
  ),
  multilane_route_cpu_samples_total: counter('Samples taken for multilane_route_cpu_ratio; none while idle.'),
  multilane_worker_shedding: gauge(
    'last',
    '1 while the worker refuses requests because work queues.',
    'worker',
  ),
  multilane_worker_backlog_ratio: gauge(
    'last',
    'Work that the worker has admitted and not yet done, as a share of the most that it may queue.',
    'worker',
  ),
  multilane_worker_heap_bytes: gauge('last', 'JavaScript heap in use.', 'worker'),
  multilane_breaker_state: gauge(
    'last',
    '1 for the state that the circuit breaker of an endpoint is in, 0 for the others.',
    'service',
    'endpoint',
    'state',
  ),
  multilane_breaker_transitions_total: counter('Changes of state of circuit breakers.'),
  multilane_retry_budget_exhausted_total: counter(
    'Retries and hedges not made: the budget was used up.',
    'service',
  ),
  multilane_hedges_total: counter(
    'Second attempts beside a slow first one, by whether their response was used.',
    'service',
    'outcome',
  ),
  multilane_load_reports_rejected_total: counter(
    'Reports of load (x-multilane-load) from instances that cannot be read.',
    'service',
  ),
  multilane_registry_instances: gauge('last', 'Known instances of a service by state.', 'service', 'state'),
  multilane_registry_up: gauge('last', 'Whether the shared registry can be reached: 0 or 1.', 'registry'),
  multilane_limit_members: gauge(
    'last',
    'Processes that share limits with this one, itself included; 0 while it has no share.',
  ),
  multilane_limit_hot_keys: gauge(
    'last',
    'Keys of limits over several processes that are divided by what is asked for at each of them.',
  ),
  multilane_limit_hot_overflow_total: counter(
    'Refused keys that found no room among those, each time: they stay divided evenly.',
  ),
  multilane_limit_messages_total: counter(
    'Messages to the registry about shares of limits over several processes.',
  ),
  multilane_registry_refused_total: counter(
    'Instances of the shared registry that are not admitted here, each time that they are found.',
  ),
  multilane_registry_rejected_total: counter(
    'Instances of this process that the shared registry does not admit, each time that they have changed.',
  ),
  multilane_balancer_picks_total: counter('Calls that were sent to an endpoint.', 'service', 'endpoint'),
  multilane_sagas_total: counter('Sagas that ended, by outcome.', 'saga', 'outcome'),
  multilane_sagas_needing_attention: gauge(
    'last',
    'Sagas in the journal of a service that need an operator, counted up to 100 at most every 30 s.',
    'service',
  ),
  multilane_saga_step_retries_total: counter('Retries of saga steps and compensations.'),
  multilane_cpu_pool_queue_length: gauge('sum', 'Tasks that wait for a thread of the CPU pool.'),
  multilane_cpu_tasks_refused_total: counter(
    'CPU tasks that were refused because the queue was full, by reason: of one caller, or of the caller or service with the most.',
    'reason',
  ),
  multilane_cpu_task_wait_seconds: duration('Time that CPU tasks have waited for a thread.', 'service'),
  multilane_cpu_task_duration_seconds: duration(
    'Time for which CPU tasks had a thread, by how they ended.',
    'service',
    'task',
    'outcome',
  ),
  multilane_cpu_pool_utilization_ratio: gauge(
    'last',
    'Share of the time of the CPU threads in which they ran tasks.',
  ),
  multilane_cpu_pool_threads_max: gauge('last', 'Most threads of the CPU pool that run at the same time.'),
  multilane_cpu_threads: gauge('last', 'Threads of the CPU pool, with a task and without.', 'state'),
  multilane_cpu_threads_ended_total: counter(
    'Threads of the CPU pool that ended before their time, by reason.',
    'reason',
  ),
  multilane_cpu_threads_stuck: gauge(
    'last',
    'Threads of the CPU pool that were terminated and are still in native code.',
  ),
  multilane_requests_shed_total: counter(
    'Requests that were refused because of overload, a limit or a guard, by reason.',
    'reason',
  ),
  multilane_admin_connections_closed_total: counter(
    'Connections of the admin plane that were closed for a new one, or because their header took too long, by reason.',
    'reason',
  ),
  multilane_mcp_calls_total: counter(
    'Calls of tools by assistants (POST /mcp); a name that is no tool counts as _other.',
    'tool',
  ),
  multilane_permits_held: gauge(
    'last',
    'Permits that requests hold now: of MAX_IN_FLIGHT, and of bulkheads.',
    'kind',
  ),
  multilane_samples_skipped_total: counter(
    'Samples that were skipped because no file descriptor was free, or the one before was still under way.',
    'sampler',
  ),
  multilane_open_files_exhausted_total: counter(
    'Looks, one a second, that found no free file descriptor: new connections were not served then.',
  ),
  multilane_health_probes_delayed_total: counter(
    'Health probes of instances that began more than half a second late, because too many were under way.',
  ),
  multilane_permits_unsettled: gauge(
    'last',
    'Counters of permits that may still include an operation of a lost worker.',
  ),
  multilane_pending_bodies: gauge('last', 'Requests whose body has not arrived yet.'),
  multilane_bodies_abandoned_total: counter(
    'Request bodies that were not read to their end after their response, or because of their length: their clients may have lost the response.',
  ),
  multilane_buffered_body_bytes: gauge(
    'last',
    'Bytes of bodies that are held in memory: of requests, of responses that clients have not read, and of those that calls receive.',
  ),
  multilane_open_streams: gauge('last', 'Responses that stream now, event streams included.'),
  multilane_file_contents_bytes: gauge('sum', 'Bytes of small files that workers keep in memory.'),
  multilane_calls_waiting: gauge('sum', 'Calls over HTTP that wait for a connection to their instance.'),
  multilane_calls_total: counter(
    'Attempts of calls to services, by caller, called service, whether its instance is of this process, and outcome.',
    'from',
    'to',
    'target',
    'outcome',
  ),
  multilane_calls_shared_total: counter(
    'Calls that shared the response of another call (singleFlight).',
    'service',
  ),
  multilane_call_fallbacks_total: counter(
    'Calls whose fallback was called, because the service was not available.',
    'service',
  ),
  multilane_rate_limited_total: counter('Requests refused by a rate limit.', 'limit'),
  multilane_bulkhead_overflow_total: counter(
    'Calls with maxConcurrent that found no free row in shared memory and were limited per worker only.',
  ),
  multilane_rate_limit_overflow_total: counter(
    'Requests whose key found no free row and shared a limit with other keys.',
  ),
  multilane_label_overflow_total: counter(
    'Look-ups of series that found no free row and were counted under fewer labels.',
  ),
  multilane_series_overflow_total: counter(
    'Look-ups of series that were counted under fewer labels, by the metric that has reached its most series.',
    'metric',
  ),
  multilane_series_merged: gauge(
    'last',
    'Series of a metric of a service that are shown as one without labels, because the metric has more than 512, or than 256 KiB of lines, or all such metrics more than 1 MiB.',
    'metric',
  ),
} as const satisfies Readonly<Record<string, MetricEntry>>;

export type MetricName = keyof typeof METRICS;

export function metricEntry(name: string): MetricEntry | undefined {
  return Object.hasOwn(METRICS, name) ? METRICS[name as MetricName] : undefined;
}
