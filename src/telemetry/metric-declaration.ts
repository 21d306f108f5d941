// Checks what a service declares as a metric: a valid name, a help text, and labels with strings as values.
import type { Labels, MetricKind } from '../memory/metrics/recorder.js';
import { describeValue, type ErrorFactory } from '../options.js';
import { isMetricName, objectionTo, snakeCase } from './metric-names.js';

export interface OwnMetric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly labels: Labels;
}

/** The most characters of a metric's name. */
export const MOST_NAME = 200;
const MOST_LABELS = 16;
/** The most characters of all label names. More would leave no room for values in a row of shared memory. */
const MOST_LABEL_NAMES = 300;
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
  checkLabelNames(Object.keys(labels), fault);
}

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

/** True for a plain object of any realm. A Map, for example, does not have its content as members. */
function isPlain(given: unknown): given is object {
  if (typeof given !== 'object' || given === null) return false;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
