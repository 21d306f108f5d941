// Converts families of metrics into parts of requests of OTLP. A part has a bounded number of series, so that
// its encoding never holds the thread for long, however many series there are.
import type { HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { SeriesTotal } from '../memory/metrics/recorder.js';
import { bucketsOf } from './buckets.js';
import type { Family } from './metric-families.js';
import { otlpAttributes, otlpMetric } from './otlp-names.js';
import type { OtlpSdk } from './otlp-sdk.js';

/** Series in one part: less than a millisecond of work, and about three while the code is new to V8. */
export const SERIES_PER_PART = 16;

export interface MetricPart {
  /** A request of its own. */
  readonly request: ResourceMetrics;
  /** Data points in it. */
  readonly points: number;
}

/** What all data points of one export have in common. */
export interface ExportFrame {
  readonly resource: Resource;
  /** When the totals began, in milliseconds since 1970; not later than `at`. */
  readonly since: number;
  /** When the values were read, in milliseconds since 1970. */
  readonly at: number;
}

/** The instrumentation scope of everything that the runtime exports. */
export const SCOPE = { name: 'multilane' };

/** Makes the parts one after the other, when they are read. */
export function* metricParts(
  sdk: OtlpSdk,
  families: readonly Family[],
  frame: ExportFrame,
): Generator<MetricPart> {
  let metrics: MetricData[] = [];
  let points = 0;
  const take = (): MetricPart => {
    const made = { request: { resource: frame.resource, scopeMetrics: [{ scope: SCOPE, metrics }] }, points };
    metrics = [];
    points = 0;
    return made;
  };
  for (const family of families) {
    for (let from = 0; from < family.series.length; ) {
      const series = family.series.slice(from, from + SERIES_PER_PART - points);
      metrics.push(metricOf(sdk, family, series, frame));
      points += series.length;
      from += series.length;
      if (points >= SERIES_PER_PART) yield take();
    }
  }
  if (points > 0) yield take();
}

/** `ValueType.DOUBLE` of @opentelemetry/api. */
const DOUBLE = 1 as ValueType.DOUBLE;

function metricOf(
  { metrics: { AggregationTemporality, DataPointType } }: OtlpSdk,
  { name: page, kind, help }: Family,
  series: readonly SeriesTotal[],
  frame: ExportFrame,
): MetricData {
  const { name, unit } = otlpMetric(page);
  const times = { startTime: hrTime(frame.since), endTime: hrTime(frame.at) };
  const common = {
    descriptor: { name, description: help, unit, valueType: DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const pointOf = <T>({ labels }: SeriesTotal, value: T) => ({
    ...times,
    attributes: otlpAttributes(page, labels),
    value,
  });
  if (kind === 'histogram') {
    const dataPoints = series.map((total) => pointOf(total, histogramOf(total)));
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = series.map((total) => pointOf(total, total.value));
  if (kind === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints };
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

function histogramOf(total: SeriesTotal) {
  const { bounds, counts, sum } = bucketsOf(total, total.cells ?? []);
  const count = counts.reduce((all, one) => all + one, 0);
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, sum, count };
}

export const hrTime = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
};
