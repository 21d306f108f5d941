// The metrics interface of a service. Declarations are checked, and so is every value: otherwise a value that
// is no number would be shown as one.
import type { Counter, Gauge, Histogram, Labels, MetricKind, Recorder } from '../memory/metrics/recorder.js';
import { describeValue, type ErrorFactory, typeErrorFor } from '../options.js';
import { DeclaredMetrics } from './declared-metrics.js';
import { copyOfLabels } from './metric-declaration.js';

type Declare<T> = (name: string, help: string, labels?: Labels) => T;

/** The same as `ServiceMetrics` of the public interface, which this module must not import. */
export interface OwnMetrics {
  readonly counter: Declare<Counter>;
  readonly gauge: Declare<Gauge>;
  readonly histogram: Declare<Histogram>;
}

/**
 * @param recorder the recorder for the services of this thread
 * @returns a function that returns the metrics interface of a service by its name
 */
export function serviceMetrics(recorder: Recorder): (service: string) => OwnMetrics {
  const all = new DeclaredMetrics();
  return (service) => {
    const declare =
      <T>(kind: MetricKind, make: Make<T>): Declare<T> =>
      (name, help, given = {}, ...more: readonly unknown[]) => {
        const fault = (reason: string) =>
          typeErrorFor(`service ${service}: metric ${describeValue(name)}`)(reason);
        if (more.length > 0)
          throw fault(`${kind} takes name, help and labels, and not ${describeValue(more[0])}`);
        const labels = copyOfLabels(given, fault);
        const isNew = all.add(service, { name, kind, help, labels }, fault);
        if (isNew) recorder.declare(name, kind, help.slice(0, MOST_HELP));
        return make(recorder, name, labels, fault);
      };
    return {
      counter: declare('counter', counterOf),
      gauge: declare('gauge', gaugeOf),
      histogram: declare('histogram', histogramOf),
    };
  };
}

type Make<T> = (recorder: Recorder, name: string, labels: Labels, fault: ErrorFactory) => T;

/** The most characters of a help text; a longer one is cut. */
const MOST_HELP = 250;
/** The largest recorded duration: 139 years in microseconds. */
const MOST_US = 2 ** 52;

const counterOf: Make<Counter> = (recorder, name, labels, fault) => {
  const counter = recorder.counter(name, labels);
  return {
    add(n = 1, more?: unknown) {
      if (!(Number.isSafeInteger(n) && n >= 0) || more !== undefined) {
        throw refusal(fault, 'add', n, more, 'a whole number >= 0');
      }
      counter.add(n);
    },
  };
};

const gaugeOf: Make<Gauge> = (recorder, name, labels, fault) => {
  const gauge = recorder.gauge(name, labels);
  const check = (method: string, value: number, more: unknown): void => {
    if (!Number.isFinite(value) || more !== undefined) {
      throw refusal(fault, method, value, more, 'a finite number');
    }
  };
  return {
    set(value, more?: unknown) {
      check('set', value, more);
      gauge.set(value);
    },
    add(n, more?: unknown) {
      check('add', n, more);
      gauge.add(n);
    },
  };
};

const histogramOf: Make<Histogram> = (recorder, name, labels, fault) => {
  const histogram = recorder.histogram(name, labels);
  return {
    record(microseconds, more?: unknown) {
      if (!(Number.isFinite(microseconds) && microseconds >= 0) || more !== undefined) {
        throw refusal(fault, 'record', microseconds, more, 'a number of microseconds >= 0');
      }
      histogram.record(Math.min(MOST_US, Math.round(microseconds)));
    },
  };
};

/**
 * @param more the argument after the number. OpenTelemetry has attributes there, which would be ignored here.
 */
function refusal(fault: ErrorFactory, method: string, given: unknown, more: unknown, wanted: string): Error {
  if (more === undefined) return fault(`${method} takes ${wanted}, not ${describeValue(given)}`);
  return fault(`${method} takes nothing behind the number; labels are given where the metric is declared`);
}
