// Writes families of metrics as text, in the format of Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats/) or in OpenMetrics
// (https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md). The labels of a
// series are written once and repeated on its lines, because a histogram has seventeen of them.
import type { Exemplar, MetricKind, SeriesTotal } from '../memory/metrics/recorder.js';
import { bucketsOf } from './buckets.js';
import type { ExpositionFormat } from './exposition-format.js';
import { unitOf } from './metric-names.js';

/** A family whose lines are to be written. */
export interface Written {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
}

/** The lines before the first sample of a family. */
export function headOf({ name, kind, help }: Written, format: ExpositionFormat): string {
  if (format === 'prometheus') {
    return `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${kind}\n`;
  }
  // In OpenMetrics the family of a counter has no `_total`, but its samples have. Double quotes in help would
  // have to be escaped.
  const family = kind === 'counter' ? name.replace(/_total$/, '') : name;
  const unit = unitOf(family);
  const unitLine = unit === undefined ? '' : `# UNIT ${family} ${unit}\n`;
  return `# HELP ${family} ${escapedHelp(help.replaceAll('"', "'"))}\n# TYPE ${family} ${kind}\n${unitLine}`;
}

/** All lines of one series. @param name of its family on the page */
export function linesOf(name: string, total: SeriesTotal, format: ExpositionFormat): string {
  const labels = labelsText(total.labels);
  if (total.cells === undefined) return sampleLine(sampleName(name, total.kind, format), labels, total.value);
  const { bounds, counts, sum } = bucketsOf(total, total.cells);
  const separator = labels === '' ? '' : ',';
  let text = '';
  let count = 0;
  for (const [bucket, inBucket] of counts.entries()) {
    count += inBucket;
    const bound = bounds[bucket];
    const le = bound === undefined ? '+Inf' : boundText(bound, format);
    const exemplar = format === 'openmetrics' ? total.exemplars?.[bucket] : undefined;
    const ending = exemplar === undefined ? '' : exemplarText(exemplar);
    text += `${name}_bucket{le="${le}"${separator}${labels}} ${count}${ending}\n`;
  }
  return text + sampleLine(`${name}_sum`, labels, sum) + sampleLine(`${name}_count`, labels, count);
}

/** The line of one sample. @param labels as `labelsText` writes them */
export const sampleLine = (name: string, labels: string, value: number): string =>
  labels === '' ? `${name} ${valueText(value)}\n` : `${name}{${labels}} ${valueText(value)}\n`;

/** The name on the line of a sample: in OpenMetrics every counter has `_total`. */
export const sampleName = (name: string, kind: MetricKind, format: ExpositionFormat): string =>
  format === 'openmetrics' && kind === 'counter' && !name.endsWith('_total') ? `${name}_total` : name;

/** Labels between the braces of a sample. A number is the bound of a bucket. */
export function labelsText(
  labels: Readonly<Record<string, string | number>>,
  format: ExpositionFormat = 'prometheus',
): string {
  let text = '';
  for (const [name, value] of Object.entries(labels)) {
    const shown = typeof value === 'number' ? boundText(value, format) : escapedLabel(value);
    text += `${text === '' ? '' : ','}${name}="${shown}"`;
  }
  return text;
}

/** OpenMetrics writes `le` as a float: `1.0`, where the older format has `1`. */
const boundText = (bound: number, format: ExpositionFormat): string =>
  format === 'openmetrics' && Number.isInteger(bound) && Math.abs(bound) < 1e21
    ? bound.toFixed(1)
    : String(bound);

const exemplarText = ({ traceId, spanId, microseconds, at }: Exemplar): string =>
  ` # {trace_id="${traceId}",span_id="${spanId}"} ${microseconds / 1e6} ${at / 1000}`;

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

const ESCAPED = /[\\\n"]/;
const escapedHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapedLabel = (text: string): string =>
  ESCAPED.test(text) ? escapedHelp(text).replaceAll('"', '\\"') : text;
