// The options of the package of OpenTelemetry that sends to a collector. Address and header fields are those
// of our settings. The package itself adds the fields of the variables OTEL_EXPORTER_OTLP_HEADERS and
// OTEL_EXPORTER_OTLP_<SIGNAL>_HEADERS to those that it is given, so the general ones would reach a collector
// whose signal has fields of its own. By the specification, the setting of a signal replaces the general one:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
import type { OtlpExportSettings } from '../config.js';
import type { OtlpSdk } from './otlp-sdk.js';

export type OtlpSignal = 'traces' | 'metrics' | 'logs';
export type OtlpHttp = OtlpSdk['http'];
export type OtlpOptions = Parameters<OtlpHttp['createOtlpHttpExportDelegate']>[0];

/** Time-out, compression and certificates are read from the environment by the package. */
export function otlpOptions(
  http: Pick<OtlpHttp, 'convertLegacyHttpOptions'>,
  signal: OtlpSignal,
  { endpoint: url, headers, protocol }: OtlpExportSettings,
): OtlpOptions {
  const type = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf';
  return {
    ...http.convertLegacyHttpOptions({ url }, signal.toUpperCase(), `v1/${signal}`, {}),
    headers: async () => ({ ...headers, 'Content-Type': type }),
  };
}
