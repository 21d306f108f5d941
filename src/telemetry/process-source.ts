// The process itself in OTLP, by the semantic conventions of OpenTelemetry
// (https://opentelemetry.io/docs/specs/semconv/system/process-metrics/). `/metrics` has the names of
// prom-client for the same values.
import type { MetricSource } from './metric-families.js';

const CPU = 'process_cpu_time_seconds_total';
const MEMORY = 'process_memory_usage_bytes';

export function processSource(): MetricSource {
  return () => {
    const { user, system } = process.cpuUsage();
    const cpu = (mode: string, microseconds: number) => ({
      metric: CPU,
      kind: 'counter' as const,
      labels: { cpu_mode: mode },
      value: microseconds / 1e6,
      cells: undefined,
    });
    const memory = {
      metric: MEMORY,
      kind: 'gauge' as const,
      labels: {},
      value: process.resourceUsage().maxRSS * 1024,
      cells: undefined,
    };
    return {
      series: [cpu('user', user), cpu('system', system), memory],
      declarations: [
        { metric: CPU, kind: 'counter', help: 'CPU time of the process.', at: 0 },
        { metric: MEMORY, kind: 'gauge', help: 'Most physical memory that the process has used.', at: 0 },
      ],
    };
  };
}
