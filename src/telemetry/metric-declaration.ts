// Checks what a service declares as a metric: a valid name, a help text, and labels with strings as values.
import { MOST_BOUNDS } from '../memory/metrics/histogram.js';
import type { Labels, MetricKind } from '../memory/metrics/recorder.js';
import { describeValue, type ErrorFactory } from '../options.js';
import { isMetricName, objectionTo, snakeCase } from './metric-names.js';
import { objectionToUnit, type UnitWish } from './metric-unit.js';

export interface OwnMetric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** Names of its labels. */
  readonly labels: readonly string[];
  /** Present for a histogram with buckets of its own. */
  readonly buckets?: readonly number[];
}

/** The options of a metric, checked. */
export type OwnOptions = Pick<OwnMetric, 'buckets'> & { readonly unit?: string };

/** The most characters of a metric's name. */
export const MOST_NAME = 200;
const MOST_LABELS = 16;
/** The most characters of all label names. More would leave no room for values in a row of shared memory. */
const MOST_LABEL_NAMES = 300;
/** The most characters of the buckets of a histogram, which are a part of the name of its rows. */
const MOST_BUCKET_TEXT = 400;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Labels that the exposition format or the scraping server adds to a series. */
const RESERVED_LABELS = new Set(['le', 'quantile', 'job', 'instance']);
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** @throws the error that `fault` makes for a metric that would make the page invalid, or that has no help */
export function checkOwnMetric({ name, kind, help, labels }: OwnMetric, fault: ErrorFactory): void {
  if (typeof name !== 'string')
    throw fault(`the name must be a string such as "carts_total", not ${describeValue(name)}`);
  if (!isMetricName(name, kind)) throw fault('the name must match [a-zA-Z_][a-zA-Z0-9_]*');
  if (name.length > MOST_NAME) throw fault(`the name is longer than ${MOST_NAME} characters`);
  const objection = objectionTo(name, kind);
  if (objection !== undefined) throw fault(`${objection} for this ${kind}`);
  if (typeof help !== 'string' || !VISIBLE.test(help)) {
    throw fault(`help must be a string that describes the metric, not ${describeValue(help)}`);
  }
  checkLabelNames(labels, fault);
}

/**
 * Checks the options of a metric.
 * @throws the error that `fault` makes
 */
export function optionsOf(
  given: unknown,
  { name, kind }: Pick<OwnMetric, 'name' | 'kind'>,
  fault: ErrorFactory,
): OwnOptions {
  if (given === undefined) {
    checkUnit(undefined, { name, kind, hasBuckets: false }, fault);
    return {};
  }
  const example = kind === 'histogram' ? '{ buckets: [1, 5, 10] }' : "{ unit: 'bytes' }";
  if (!isPlain(given))
    throw fault(`options must be an object such as ${example}, not ${describeValue(given)}`);
  const { unit, buckets, ...others } = given as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw fault(`${kind} has no option ${describeValue(other)}`);
  checkUnit(unit, { name, kind, hasBuckets: buckets !== undefined }, fault);
  if (buckets === undefined) return {};
  if (kind !== 'histogram') throw fault(`buckets are an option of histograms, and this is a ${kind}`);
  return { buckets: checkedBuckets(buckets, fault) };
}

function checkUnit(unit: unknown, metric: Omit<UnitWish, 'unit'>, fault: ErrorFactory): void {
  if (unit !== undefined && (typeof unit !== 'string' || !/^[a-z][a-z0-9]*$/.test(unit))) {
    throw fault(`unit must be a word such as "bytes", not ${describeValue(unit)}`);
  }
  if (typeof metric.name !== 'string') return; // checkOwnMetric refuses it
  const objection = objectionToUnit({ ...metric, unit });
  if (objection !== undefined) throw fault(objection);
}

function checkedBuckets(given: unknown, fault: ErrorFactory): readonly number[] {
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_BOUNDS) {
    throw fault(`buckets must be an array of 1 to ${MOST_BOUNDS} numbers, not ${describeBuckets(given)}`);
  }
  const buckets: unknown[] = [...given];
  for (const [at, bound] of buckets.entries()) {
    if (typeof bound !== 'number' || !Number.isFinite(bound) || bound < 0) {
      throw fault(`bucket ${at + 1} must be a finite number >= 0, not ${describeValue(bound)}`);
    }
    const before = at === 0 ? Number.NEGATIVE_INFINITY : (buckets[at - 1] as number);
    if (bound <= before)
      throw fault(`bucket ${at + 1} (${bound}) must be larger than the one before (${before})`);
  }
  if (buckets.join(',').length > MOST_BUCKET_TEXT) {
    throw fault(
      `its buckets have more than ${MOST_BUCKET_TEXT} characters together; use fewer or rounder ones`,
    );
  }
  return buckets as number[];
}

const describeBuckets = (given: unknown): string =>
  Array.isArray(given) ? `${given.length} of them` : describeValue(given);

function checkLabelNames(names: readonly string[], fault: ErrorFactory): void {
  if (names.length > MOST_LABELS) throw fault(`it has ${names.length} labels; ${MOST_LABELS} are the most`);
  for (const name of names) {
    if (!LABEL_NAME.test(name)) {
      throw fault(`label ${describeValue(name)} must match [a-zA-Z_][a-zA-Z0-9_]* and not begin with __`);
    }
    if (RESERVED_LABELS.has(name)) throw fault(`label ${name} is reserved for Prometheus; write own_${name}`);
    const better = snakeCase(name);
    if (better !== name) throw fault(`label ${name} is not in snake_case; write ${better}`);
  }
  if (names.join('').length > MOST_LABEL_NAMES) {
    throw fault(`the names of its labels have more than ${MOST_LABEL_NAMES} characters together`);
  }
}

/**
 * Copies labels, so that the values that were checked are the ones that are used, even if they are getters.
 * @throws the error that `fault` makes for anything but a plain object of strings
 */
export function copyOfLabels(given: unknown, fault: ErrorFactory): Labels {
  if (!isPlain(given))
    throw fault(`labels must be an object such as { kind: 'full' }, not ${describeValue(given)}`);
  const labels: Record<string, string> = Object.create(null);
  for (const [label, value] of Object.entries(given)) {
    if (typeof value !== 'string')
      throw fault(`label ${label} must be a string, not ${describeValue(value)}`);
    labels[label] = value;
  }
  return labels;
}

/**
 * Copies the names of labels whose values are given with each observation.
 * @throws the error that `fault` makes for anything but different strings
 */
export function copyOfNames(given: readonly unknown[], fault: ErrorFactory): readonly string[] {
  const names = [...given].map((name) => {
    if (typeof name === 'string') return name;
    throw fault(`the name of a label must be a string, not ${describeValue(name)}`);
  });
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw fault(`label ${describeValue(twice)} is there twice`);
  return names;
}

/** True for a plain object of any realm. A Map, for example, does not have its content as members. */
function isPlain(given: unknown): given is object {
  if (typeof given !== 'object' || given === null) return false;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
