// Names of metrics: which of them a family takes on a page, and which `promtool check metrics` refuses or
// OpenMetrics reserves. One refused name fails the check of the whole page, so a service cannot declare it,
// and its error has the name to write instead.
import type { MetricKind } from '../memory/metrics/recorder.js';

/** https://prometheus.io/docs/concepts/data_model/ (a colon is for recording rules). */
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * The names that a family takes on a page: its own, which in OpenMetrics has no `_total`, and those of its
 * lines. No other family may have any of them.
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
 * Series that Prometheus itself writes for what it scrapes, and for alerts: a target's own would be mixed
 * with them. See https://prometheus.io/docs/concepts/jobs_instances/ and "Inspecting alerts during runtime".
 */
const OF_PROMETHEUS = /^(?:up|scrape_.*|ALERTS(?:_FOR_STATE)?)$/;

export const isOfPrometheus = (name: string, kind: MetricKind): boolean =>
  namesOf(name, kind).some((one) => OF_PROMETHEUS.test(one));

export const isMetricName = (name: string, kind: MetricKind): boolean =>
  namesOf(name, kind).every((one) => METRIC_NAME.test(one));

/** A rule is what it makes of a name: one that it leaves as it is obeys it. */
interface Rule {
  readonly why: string;
  readonly mend: (name: string, kind: MetricKind) => string;
}

/**
 * By prometheus/testutil/promlint of https://github.com/prometheus/client_golang, in the order of mending.
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

/** `cartSize` as `cart_size`. */
export function snakeCase(name: string): string {
  return /[a-z][A-Z]/.test(name) ? name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').toLowerCase() : name;
}

/** Other units that are known, by their base unit. */
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

/** Which of several units in a name counts differs between versions of promtool: here each of them does. */
function inBaseUnit(name: string): string {
  const words = name.split('_');
  return words.map((word) => BASES.get(word) ?? BASES.get(word.replace(PREFIX, '')) ?? word).join('_');
}

/**
 * @returns why a service cannot have a valid name, and which one it can; undefined when it can have this one
 */
export function objectionTo(name: string, kind: MetricKind): string | undefined {
  const broken = RULES.find(({ mend }) => mend(name, kind) !== name);
  if (broken === undefined) return undefined;
  const mended = mendedName(name, kind);
  return isMetricName(mended, kind) ? `${broken.why}; write ${mended}` : broken.why;
}

/** The name that is nearest to this one and obeys the rules. */
export const mendedName = (name: string, kind: MetricKind): string =>
  RULES.reduce((better, { mend }) => mend(better, kind), name);
