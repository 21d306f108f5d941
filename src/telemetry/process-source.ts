// The process itself in OTLP, by the semantic conventions of OpenTelemetry
// (https://opentelemetry.io/docs/specs/semconv/system/process-metrics/). `/metrics` has the names of
// prom-client for the same values.
import type { Declaration, SeriesTotal } from '../memory/metrics/recorder.js';
import type { MetricSource } from './metric-families.js';

const CPU = 'process_cpu_time_seconds_total';
const MEMORY = 'process_memory_usage_bytes';
const DECLARATIONS: readonly Declaration[] = [
  { metric: CPU, kind: 'counter', help: 'CPU time of the process.', at: 0 },
  { metric: MEMORY, kind: 'gauge', help: 'Physical memory that the process uses.', at: 0 },
];

export function processSource(): MetricSource {
  return () => {
    const { user, system } = process.cpuUsage();
    const cpu = (mode: string, microseconds: number): SeriesTotal => ({
      metric: CPU,
      kind: 'counter',
      labels: { cpu_mode: mode },
      value: microseconds / 1e6,
      cells: undefined,
    });
    return { series: [cpu('user', user), cpu('system', system), ...memory()], declarations: DECLARATIONS };
  };
}

/** It is read from a file of the system. Without a free file descriptor the value is unknown and omitted. */
function memory(): readonly SeriesTotal[] {
  try {
    const value = process.memoryUsage.rss();
    return [{ metric: MEMORY, kind: 'gauge', labels: {}, value, cells: undefined }];
  } catch {
    return [];
  }
}
