// Names of metrics, labels and units in OTLP. The metrics that follow the semantic conventions of
// OpenTelemetry have the names of the conventions there (https://opentelemetry.io/docs/specs/semconv/); all
// others have the names of the page, which a collector passes on to Prometheus unchanged.
import { unitOf } from './metric-names.js';

interface Convention {
  readonly name: string;
  readonly unit: string;
}

const CONVENTIONS: Readonly<Record<string, Convention>> = {
  http_server_request_duration_seconds: { name: 'http.server.request.duration', unit: 's' },
  http_server_active_requests: { name: 'http.server.active_requests', unit: '{request}' },
  http_client_request_duration_seconds: { name: 'http.client.request.duration', unit: 's' },
  rpc_server_call_duration_seconds: { name: 'rpc.server.call.duration', unit: 's' },
  rpc_client_call_duration_seconds: { name: 'rpc.client.call.duration', unit: 's' },
  db_client_operation_duration_seconds: { name: 'db.client.operation.duration', unit: 's' },
  db_client_connections: { name: 'db.client.connection.count', unit: '{connection}' },
  db_client_connection_pending_requests: {
    name: 'db.client.connection.pending_requests',
    unit: '{request}',
  },
  process_cpu_time_seconds_total: { name: 'process.cpu.time', unit: 's' },
  process_memory_usage_bytes: { name: 'process.memory.usage', unit: 'By' },
};

const ATTRIBUTES: Readonly<Record<string, string>> = {
  http_request_method: 'http.request.method',
  http_route: 'http.route',
  http_response_status_code: 'http.response.status_code',
  url_scheme: 'url.scheme',
  error_type: 'error.type',
  server_address: 'server.address',
  rpc_system_name: 'rpc.system.name',
  rpc_method: 'rpc.method',
  rpc_response_status_code: 'rpc.response.status_code',
  db_system_name: 'db.system.name',
  db_namespace: 'db.namespace',
  db_operation_name: 'db.operation.name',
  cpu_mode: 'cpu.mode',
  state: 'db.client.connection.state',
  pool: 'db.client.connection.pool.name',
};

/** Units by UCUM (https://ucum.org), for the units that names of metrics end in. */
const UNITS: Readonly<Record<string, string>> = {
  amperes: 'A',
  bytes: 'By',
  celsius: 'Cel',
  grams: 'g',
  joules: 'J',
  kelvin: 'K',
  meters: 'm',
  metres: 'm',
  ratio: '1',
  seconds: 's',
  volts: 'V',
};

export function otlpMetric(name: string): Convention {
  if (Object.hasOwn(CONVENTIONS, name)) return CONVENTIONS[name]!;
  return { name, unit: UNITS[unitOf(name.replace(/_total$/, '')) ?? ''] ?? '' };
}

/** @param metric the name of the metric on the page */
export function otlpAttributes(
  metric: string,
  labels: Readonly<Record<string, string>>,
): Record<string, string | number> {
  const entries = Object.entries(labels);
  if (!Object.hasOwn(CONVENTIONS, metric)) return Object.fromEntries(entries);
  return Object.fromEntries(
    entries.map(([label, value]) => {
      const name = ATTRIBUTES[label] ?? label;
      // The conventions want the status of HTTP as a number.
      return [name, label === 'http_response_status_code' ? Number(value) : value];
    }),
  );
}
