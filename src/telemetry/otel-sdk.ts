// Loads the OpenTelemetry packages, only when tracing is on: they cost 120 ms and 18 MB in every thread. They
// are loaded by `require`, because tracing is started synchronously, and they are CommonJS anyway.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export interface OtelSdk {
  readonly api: typeof import('@opentelemetry/api');
  readonly http: typeof import('@opentelemetry/otlp-exporter-base/node-http');
  readonly transformer: typeof import('@opentelemetry/otlp-transformer');
  readonly resources: typeof import('@opentelemetry/resources');
  readonly trace: typeof import('@opentelemetry/sdk-trace-node');
}

export function loadOtelSdk(): OtelSdk {
  return {
    api: require('@opentelemetry/api') as OtelSdk['api'],
    http: require('@opentelemetry/otlp-exporter-base/node-http') as OtelSdk['http'],
    transformer: require('@opentelemetry/otlp-transformer') as OtelSdk['transformer'],
    resources: require('@opentelemetry/resources') as OtelSdk['resources'],
    trace: require('@opentelemetry/sdk-trace-node') as OtelSdk['trace'],
  };
}
