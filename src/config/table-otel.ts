// The settings OTEL_*. Their names, defaults and leniency follow the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
// .../protocol/exporter/), with two exceptions: without an endpoint nothing is exported, and without
// OTEL_TRACES_SAMPLER one trace in a hundred is recorded.
import type { Settings } from '../config.js';
import { httpUrl } from './network-kinds.js';
import { optional, type Table, type ValuesOf, withDefault } from './setting.js';
import { oneOf, onOff, pairs, ratio, secretPairs, text } from './setting-kinds.js';

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

export const OTEL_SETTINGS = {
  OTEL_SDK_DISABLED: withDefault(onOff, false, 'Switches tracing off.', OTEL),
  OTEL_SERVICE_NAME: optional(
    text,
    '`service.name` of `OTEL_RESOURCE_ATTRIBUTES`, else `multilane`',
    'Name of this process in traces.',
    OTEL,
  ),
  OTEL_RESOURCE_ATTRIBUTES: withDefault(pairs, {}, 'Further attributes of this process on every span.', OTEL),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    httpUrl,
    'no export',
    'OTLP/HTTP collector; `v1/traces` is appended.',
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
    endpoint: values.otelExporterOtlpTracesEndpoint ?? tracesBelow(values.otelExporterOtlpEndpoint),
    headers: values.otelExporterOtlpTracesHeaders ?? values.otelExporterOtlpHeaders,
    sampler: values.otelTracesSampler ?? 'parentbased_traceidratio',
    samplerArg: values.otelTracesSamplerArg ?? (values.otelTracesSampler === undefined ? 0.01 : 1),
    resourceAttributes: attributes,
  };
}

function tracesBelow(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  url.pathname = url.pathname.replace(/\/?$/, '/v1/traces');
  return url.href;
}
