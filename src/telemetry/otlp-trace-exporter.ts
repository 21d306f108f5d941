// Makes the exporter of spans in the protocol of the settings.
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { OtlpExportSettings } from '../config.js';
import type { OtelSdk } from './otel-sdk.js';
import { otlpOptions } from './otlp-options.js';

export function traceExporter(
  { http, transformer }: Pick<OtelSdk, 'http' | 'transformer'>,
  settings: OtlpExportSettings,
): SpanExporter {
  const isJson = settings.protocol === 'http/json';
  const delegate = http.createOtlpHttpExportDelegate<ReadableSpan[], unknown>(
    otlpOptions(http, 'traces', settings),
    isJson ? transformer.JsonTraceSerializer : transformer.ProtobufTraceSerializer,
    'otlp_http_span_exporter',
    transformer.TraceExporterMetricsHelper,
    undefined,
  );
  return {
    export: (spans, done) => delegate.export(spans, done),
    forceFlush: () => delegate.forceFlush(),
    shutdown: () => delegate.shutdown(),
  };
}
