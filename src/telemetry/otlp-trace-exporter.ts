// Makes the exporter of spans in the protocol of the settings. The package for JSON has none for protobuf,
// but both consist of the same parts.
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { OtlpExportSettings } from '../config.js';
import type { OtelSdk } from './otel-sdk.js';
import { loadOtlpSdk } from './otlp-sdk.js';

export function traceExporter(
  { exporter }: Pick<OtelSdk, 'exporter'>,
  { endpoint: url, headers, protocol }: OtlpExportSettings,
): SpanExporter {
  const config = { url, headers: { ...headers } };
  if (protocol === 'http/json') return new exporter.OTLPTraceExporter(config);
  const { http, transformer } = loadOtlpSdk();
  const options = http.convertLegacyHttpOptions(config, 'TRACES', 'v1/traces', {
    'Content-Type': 'application/x-protobuf',
  });
  const delegate = http.createOtlpHttpExportDelegate<ReadableSpan[], unknown>(
    options,
    transformer.ProtobufTraceSerializer,
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
