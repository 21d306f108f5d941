// Loads the OpenTelemetry packages that encode and send metrics and logs, only when they are exported.
import { createRequire } from 'node:module';
import { lazyModule } from '../lazy-module.js';

const require = createRequire(import.meta.url);

export interface OtlpSdk {
  readonly http: typeof import('@opentelemetry/otlp-exporter-base/node-http');
  readonly transformer: typeof import('@opentelemetry/otlp-transformer');
  readonly resources: typeof import('@opentelemetry/resources');
  readonly metrics: typeof import('@opentelemetry/sdk-metrics');
}

/** @throws OutOfFilesError while the process has too few free file descriptors */
export const loadOtlpSdk: () => OtlpSdk = lazyModule(() => ({
  http: require('@opentelemetry/otlp-exporter-base/node-http') as OtlpSdk['http'],
  transformer: require('@opentelemetry/otlp-transformer') as OtlpSdk['transformer'],
  resources: require('@opentelemetry/resources') as OtlpSdk['resources'],
  metrics: require('@opentelemetry/sdk-metrics') as OtlpSdk['metrics'],
}));
