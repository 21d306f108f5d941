// Reads rule files and expressions of PromQL as far as tests need it: the names of metrics and labels.
import { collectDefaultMetrics, Registry } from 'prom-client';
import { METRICS, metricEntry } from '#src/telemetry/metric-table.js';

/** Labels that Prometheus adds to every series of a target, and the one of histograms. */
const ADDED = ['job', 'instance', 'le'];
const METRIC = /^(?:multilane|http_server|http_client|rpc_server|rpc_client|db_client|process|nodejs)_\w+$/;
const RECORDED = /^[a-z_]+:[a-z_]+:\w+$/;
const GROUPING = /\b(?:by|on|group_left|without|ignoring)\s*\(([^)]*)\)/g;
const SELECTOR = /([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?/g;
const MATCHER = /(\w+)\s*(?:=~|!~|!=|=)\s*"/g;

export interface Named {
  /** Metrics of the process, without the endings of histograms. */
  readonly metrics: readonly string[];
  /** Series of recording rules. */
  readonly recorded: readonly string[];
  /** Labels that no metric of the expression has. */
  readonly strangeLabels: readonly string[];
}

interface Rule {
  readonly kind: 'alert' | 'record';
  readonly name: string;
  readonly expr: string;
  readonly text: string;
}

/**
 * The rules of a file that is written as those of deploy/prometheus: an expression is one line, or folded.
 */
export function rulesIn(file: string): readonly Rule[] {
  return file
    .split(/^ {6}- /m)
    .slice(1)
    .map((text) => {
      const [, kind, name] = /^(alert|record): (\S+)$/m.exec(text)!;
      const [, first, folded = ''] = /^ {8}expr: (.*)\n((?: {10}.*\n)*)/m.exec(text)!;
      const expr = (first === '>-' ? folded : first!).replace(/\s+/g, ' ').trim();
      return { kind: kind as Rule['kind'], name: name!, expr, text };
    });
}

const baseOf = (metric: string): string => {
  const base = metric.replace(/_(bucket|count|sum)$/, '');
  return metricEntry(base)?.kind === 'histogram' ? base : metric;
};

/** Labels of a metric; undefined for the metrics of Node.js and the process, which prom-client makes. */
const labelsOf = (metric: string): readonly string[] | undefined => metricEntry(metric)?.labels;

/** @param recordedLabels the labels of all recorded series */
export function namesIn(expr: string, recordedLabels: readonly string[] = []): Named {
  const grouped = [...expr.matchAll(GROUPING)].flatMap(([, names = '']) => names.split(/\s*,\s*/));
  const rest = expr.replaceAll(GROUPING, ' ');
  const [metrics, recorded, strange] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const [, name = '', matchers = ''] of rest.matchAll(SELECTOR)) {
    if (RECORDED.test(name)) recorded.add(name);
    if (!METRIC.test(name)) continue;
    const metric = baseOf(name);
    metrics.add(metric);
    const known = [...(labelsOf(metric) ?? []), ...ADDED];
    for (const [, label = ''] of matchers.matchAll(MATCHER)) if (!known.includes(label)) strange.add(label);
  }
  const all = [...metrics].flatMap((metric) => labelsOf(metric) ?? []);
  const known = [...all, ...ADDED, ...(recorded.size > 0 ? recordedLabels : [])];
  for (const label of grouped) if (label !== '' && !known.includes(label)) strange.add(label);
  return { metrics: [...metrics], recorded: [...recorded], strangeLabels: [...strange] };
}

const registry = new Registry();
collectDefaultMetrics({ register: registry });
/** The metrics of the process itself, which prom-client makes. */
const OF_PROCESS = (await registry.getMetricsAsJSON()).map(({ name }) => name);

/** Whether `/metrics` has a metric of this name. */
export const isKnown = (metric: string): boolean =>
  Object.hasOwn(METRICS, metric) || OF_PROCESS.includes(metric);
