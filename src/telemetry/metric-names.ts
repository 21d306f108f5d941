// Names of metrics: those that a family uses on the page, and those that `promtool check metrics` refuses or
// OpenMetrics reserves. One refused name makes the check of the whole page fail, so a service cannot declare
// it; the error suggests a valid name.
import type { MetricKind } from '../memory/metrics/recorder.js';

/**
 * Valid names by https://prometheus.io/docs/concepts/data_model/; colons are reserved for recording rules.
 */
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * All names that a family uses on the page: its own, which has no `_total` in OpenMetrics, and those of its
 * lines. No other family may use any of them.
 */
export function namesOf(name: string, kind: MetricKind): readonly string[] {
  if (kind === 'gauge') return [name];
  if (kind === 'counter') {
    const family = name.replace(/_total$/, '');
    return [name, family, `${family}_created`];
  }
  return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`, `${name}_created`];
}

/**
 * Series that Prometheus itself writes for scraped targets, for alerts, and for what it receives by OTLP. A
 * target's own series of these names would be mixed with them. See
 * https://prometheus.io/docs/concepts/jobs_instances/, "Inspecting alerts during runtime" and
 * https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/.
 */
const OF_PROMETHEUS = /^(?:up|scrape_.*|ALERTS(?:_FOR_STATE)?|target_info|otel_scope_info)$/;

export const isOfPrometheus = (name: string, kind: MetricKind): boolean =>
  namesOf(name, kind).some((one) => OF_PROMETHEUS.test(one));

export const isMetricName = (name: string, kind: MetricKind): boolean =>
  namesOf(name, kind).every((one) => METRIC_NAME.test(one));

/** A rule for names. `mend` corrects a name; a name that it does not change obeys the rule. */
interface Rule {
  readonly why: string;
  readonly mend: (name: string, kind: MetricKind) => string;
}

/**
 * The rules of prometheus/testutil/promlint (https://github.com/prometheus/client_golang), applied in order.
 */
const RULES: readonly Rule[] = [
  { why: 'promtool wants names in snake_case', mend: snakeCase },
  {
    why: 'promtool wants no type in a name',
    mend: (name, kind) => name.replaceAll(new RegExp(`_${kind}(?=_|$)`, 'gi'), ''),
  },
  {
    why: 'promtool wants units in full',
    mend: (name) =>
      name
        .replaceAll(/_(?:s|ms|us|ns|sec|h|d)(?=_|$)/gi, '_seconds')
        .replaceAll(/_(?:b|kb|mb|gb|tb|pb)(?=_|$)/gi, '_bytes')
        .replaceAll(/_m(?=_|$)/gi, '_meters'),
  },
  { why: 'promtool wants base units', mend: inBaseUnit },
  {
    why: 'the name of a counter ends in _total',
    mend: (name, kind) =>
      kind !== 'counter' || name.endsWith('_total')
        ? name
        : `${name.replace(/(?:_bucket|_count|_sum)+$/, '')}_total`,
  },
  {
    why: '_total, _bucket, _count, _sum and _created end names of counters and of the lines of a histogram',
    mend: (name, kind) =>
      kind === 'counter' ? name : name.replace(/(?:_total|_bucket|_count|_sum|_created)+$/, ''),
  },
];

/** Converts `cartSize` to `cart_size`. */
export function snakeCase(name: string): string {
  return /[a-z][A-Z]/.test(name) ? name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase() : name;
}

/** Base units, each with other units of the same quantity. */
const BASE_UNITS = {
  amperes: [],
  bytes: ['bits'],
  celsius: ['fahrenheit', 'rankine'],
  grams: ['pounds', 'ounces'],
  joules: ['calories'],
  kelvin: ['kelvins'],
  meters: ['inches', 'yards', 'miles'],
  metres: [],
  seconds: ['minutes', 'hours', 'days', 'weeks'],
  volts: [],
};
const BASES: ReadonlyMap<string, string> = new Map(
  Object.entries(BASE_UNITS).flatMap(([base, others]) => [base, ...others].map((unit) => [unit, base])),
);
const PREFIX =
  /^(?:pico|nano|micro|milli|centi|deci|deca|hecto|kilo|kibi|mega|mibi|giga|gibi|tera|tebi|peta|pebi)/;

/**
 * Replaces every unit in a name by its base unit: versions of promtool differ in which of several they check.
 */
function inBaseUnit(name: string): string {
  const words = name.split('_');
  return words.map((word) => BASES.get(word) ?? BASES.get(word.replace(PREFIX, '')) ?? word).join('_');
}

/**
 * The unit in the name of a family, which OpenMetrics shows; undefined for counts of things.
 * @param name as OpenMetrics has it: without `_total`
 */
export function unitOf(name: string): string | undefined {
  const last = name.slice(name.lastIndexOf('_') + 1);
  return last === 'ratio' || Object.hasOwn(BASE_UNITS, last) ? last : undefined;
}

/**
 * @returns why a service cannot use a name and which one to use instead; undefined when it can use the name
 */
export function objectionTo(name: string, kind: MetricKind): string | undefined {
  const broken = RULES.find(({ mend }) => mend(name, kind) !== name);
  if (broken === undefined) return undefined;
  const mended = mendedName(name, kind);
  return isMetricName(mended, kind) ? `${broken.why}; write ${mended}` : broken.why;
}

/** The name after all rules have corrected it. */
export const mendedName = (name: string, kind: MetricKind): string =>
  RULES.reduce((better, { mend }) => mend(better, kind), name);
