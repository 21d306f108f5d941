// The settings OTEL_*. Their names, defaults and leniency follow the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
// .../protocol/exporter/), with these exceptions: without an endpoint nothing is exported, without
// OTEL_TRACES_SAMPLER one trace in a hundred is recorded, and metrics and log lines are exported on demand.
import type { Settings } from '../config.js';
import { httpUrl } from './network-kinds.js';
import { optional, type Table, type ValuesOf, valuesOf, withDefault } from './setting.js';
import type { SettingKind } from './setting-kinds.js';
import { listOf, oneOf, onOff, pairs, ratio, secretPairs, text, whole } from './setting-kinds.js';

/** By the specification a wrong variable causes a warning and is ignored. */
const OTEL = { lenient: true };

const sampler = oneOf(
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
);

/** The exporters of a signal: a list by the specification. `none` means an empty one. */
const exporters: SettingKind<readonly string[]> = {
  ...listOf('exporters (none, otlp)', (name) => (name === 'otlp' || name === 'none' ? name : undefined)),
  parse(value) {
    const names = value.split(',').map((name) => name.trim().toLowerCase());
    const areKnown = names.every((name) => name === 'otlp' || name === 'none');
    if (!areKnown || (names.includes('none') && names.includes('otlp'))) return undefined;
    return names.includes('otlp') ? ['otlp'] : [];
  },
};

export const OTEL_SETTINGS = {
  OTEL_SDK_DISABLED: withDefault(onOff, false, 'Switches tracing and all exports off.', OTEL),
  OTEL_SERVICE_NAME: optional(
    text,
    '`service.name` of `OTEL_RESOURCE_ATTRIBUTES`, else `multilane`',
    'Name of this process in traces, metrics and logs that are exported.',
    OTEL,
  ),
  OTEL_RESOURCE_ATTRIBUTES: withDefault(
    pairs,
    {},
    'Further attributes of this process on everything that is exported.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    httpUrl,
    'no export',
    'OTLP/HTTP collector; `v1/traces`, `v1/metrics` or `v1/logs` is appended.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(
    httpUrl,
    'from `OTEL_EXPORTER_OTLP_ENDPOINT`',
    'URL that traces are posted to, used unchanged.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_HEADERS: withDefault(secretPairs, {}, 'Header fields of every export.', OTEL),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: optional(
    secretPairs,
    'from `OTEL_EXPORTER_OTLP_HEADERS`',
    'Header fields of every export of traces.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: withDefault(
    oneOf('http/json', 'http/protobuf'),
    'http/json',
    'How traces, metrics and logs are written.',
    OTEL,
  ),
  OTEL_TRACES_EXPORTER: withDefault(
    exporters,
    ['otlp'],
    '`none` exports no traces, also where there is a collector; the last ones stay at `/traces`.',
    OTEL,
  ),
  OTEL_METRICS_EXPORTER: withDefault(
    exporters,
    [],
    '`otlp` exports the metrics of the process to the collector, beside `/metrics`; `none` does not.',
    OTEL,
  ),
  OTEL_METRIC_EXPORT_INTERVAL: withDefault(
    whole(100, 86_400_000),
    60_000,
    'Time between two exports of metrics.',
    { ...OTEL, unit: 'ms' },
  ),
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: optional(
    httpUrl,
    'from `OTEL_EXPORTER_OTLP_ENDPOINT`',
    'URL that metrics are posted to, used unchanged.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: optional(
    secretPairs,
    'from `OTEL_EXPORTER_OTLP_HEADERS`',
    'Header fields of every export of metrics.',
    OTEL,
  ),
  OTEL_LOGS_EXPORTER: withDefault(
    exporters,
    [],
    '`otlp` exports the log lines of all threads to the collector, beside standard output; `none` does not.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: optional(
    httpUrl,
    'from `OTEL_EXPORTER_OTLP_ENDPOINT`',
    'URL that log lines are posted to, used unchanged.',
    OTEL,
  ),
  OTEL_EXPORTER_OTLP_LOGS_HEADERS: optional(
    secretPairs,
    'from `OTEL_EXPORTER_OTLP_HEADERS`',
    'Header fields of every export of log lines.',
    OTEL,
  ),
  OTEL_TRACES_SAMPLER: optional(
    sampler,
    '`parentbased_traceidratio`',
    'Which traces are recorded. A span costs about 9 microseconds of CPU time, export included.',
    OTEL,
  ),
  OTEL_TRACES_SAMPLER_ARG: optional(
    ratio,
    '0.01; 1 when `OTEL_TRACES_SAMPLER` is set',
    'Share of traces that the two `traceidratio` samplers record.',
    OTEL,
  ),
} satisfies Table;

/** Combines the variables into the settings of tracing. */
export function otelOf(values: ValuesOf<typeof OTEL_SETTINGS>): Settings['otel'] {
  const attributes = values.otelResourceAttributes;
  return {
    disabled: values.otelSdkDisabled,
    serviceName: values.otelServiceName ?? attributes['service.name'] ?? 'multilane',
    endpoint: tracesEndpoint(values),
    headers: values.otelExporterOtlpTracesHeaders ?? values.otelExporterOtlpHeaders,
    sampler: values.otelTracesSampler ?? 'parentbased_traceidratio',
    samplerArg: values.otelTracesSamplerArg ?? (values.otelTracesSampler === undefined ? 0.01 : 1),
    resourceAttributes: attributes,
    ...(values.otelExporterOtlpProtocol !== 'http/json' && { protocol: values.otelExporterOtlpProtocol }),
    ...exportsOf(values),
  };
}

function tracesEndpoint(values: ValuesOf<typeof OTEL_SETTINGS>): string | undefined {
  if (!values.otelTracesExporter.includes('otlp')) return undefined;
  return values.otelExporterOtlpTracesEndpoint ?? below(values.otelExporterOtlpEndpoint, 'traces');
}

/** The exports of metrics and logs. Without an address nothing is exported. */
function exportsOf(values: ValuesOf<typeof OTEL_SETTINGS>): Pick<Settings['otel'], 'metrics' | 'logs'> {
  if (values.otelSdkDisabled) return {};
  const common = { headers: values.otelExporterOtlpHeaders, protocol: values.otelExporterOtlpProtocol };
  const ofAll = values.otelExporterOtlpEndpoint;
  const metrics = values.otelExporterOtlpMetricsEndpoint ?? below(ofAll, 'metrics');
  const logs = values.otelExporterOtlpLogsEndpoint ?? below(ofAll, 'logs');
  const intervalMs = values.otelMetricExportInterval;
  return {
    ...(metrics !== undefined &&
      values.otelMetricsExporter.includes('otlp') && {
        metrics: { ...common, ...own(values.otelExporterOtlpMetricsHeaders), endpoint: metrics, intervalMs },
      }),
    ...(logs !== undefined &&
      values.otelLogsExporter.includes('otlp') && {
        logs: { ...common, ...own(values.otelExporterOtlpLogsHeaders), endpoint: logs },
      }),
  };
}

/** A warning for each signal that is to be exported and has no address. */
export function exportWarnings(
  byName: (name: string) => unknown,
  { disabled, metrics, logs }: Settings['otel'],
): readonly string[] {
  if (disabled) return [];
  const values = valuesOf(OTEL_SETTINGS, byName);
  const wanted = [
    ['OTEL_METRICS_EXPORTER', values.otelMetricsExporter, metrics, 'metrics are'],
    ['OTEL_LOGS_EXPORTER', values.otelLogsExporter, logs, 'log lines are'],
  ] as const;
  return wanted
    .filter(([, exporters, target]) => exporters.length > 0 && target === undefined)
    .map(
      ([name, , , what]) =>
        `${name} is otlp, but there is no address; ${what} not exported; set OTEL_EXPORTER_OTLP_ENDPOINT`,
    );
}

const own = (headers: Readonly<Record<string, string>> | undefined) =>
  headers === undefined ? {} : { headers };

function below(endpoint: string | undefined, signal: 'traces' | 'metrics' | 'logs'): string | undefined {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  url.pathname = url.pathname.replace(/\/?$/, `/v1/${signal}`);
  return url.href;
}
