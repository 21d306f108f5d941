// The metrics interface of a service. Declarations are checked, and so is every value: otherwise a value that
// is no number would be shown as one.
import type { Counter, Gauge, Histogram, Labels, MetricKind, Recorder } from '../memory/metrics/recorder.js';
import { describeValue, type ErrorFactory, typeErrorFor } from '../options.js';
import { DeclaredMetrics } from './declared-metrics.js';
import { LabelledSeries } from './labelled-series.js';
import { copyOfLabels, copyOfNames, type OwnOptions, optionsOf } from './metric-declaration.js';

/** Fixed labels with their values, or names of labels whose values each observation gives. */
type LabelsOrNames = Labels | readonly string[];
type Declare<T> = (name: string, help: string, labels?: LabelsOrNames, options?: OwnOptions) => T;

/** A method of a metric; it gets labels as its second argument when the metric was declared with names. */
type Observe = (n?: number, labels?: unknown) => void;

/** The same as `ServiceMetrics` of the public interface, which this module must not import. */
export interface OwnMetrics {
  readonly counter: Declare<{ add: Observe }>;
  readonly gauge: Declare<{ set: Observe; add: Observe }>;
  readonly histogram: Declare<{ record: Observe }>;
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
      (name, help, given = {}, wishes, ...more: readonly unknown[]) => {
        const fault = (reason: string) =>
          typeErrorFor(`service ${service}: metric ${describeValue(name)}`)(reason);
        if (more.length > 0) {
          throw fault(`${kind} takes name, help, labels and options, and not ${describeValue(more[0])}`);
        }
        const names: unknown = given;
        const labels = Array.isArray(names) ? undefined : copyOfLabels(given, fault);
        const labelNames =
          labels === undefined ? copyOfNames(names as unknown[], fault) : Object.keys(labels);
        const options = optionsOf(wishes, { name, kind }, fault);
        const isNew = all.add(service, { name, kind, help, labels: labelNames, ...options }, fault);
        if (isNew) recorder.declare(name, kind, help.slice(0, MOST_HELP), options.buckets);
        return make({ recorder, name, options, fault, labels, names: labelNames });
      };
    return {
      counter: declare('counter', counterOf),
      gauge: declare('gauge', gaugeOf),
      histogram: declare('histogram', histogramOf),
    };
  };
}

/** A metric that was declared and is correct. */
interface Declared {
  readonly recorder: Recorder;
  readonly name: string;
  readonly options: OwnOptions;
  readonly fault: ErrorFactory;
  /** undefined when each observation gives the values of the labels. */
  readonly labels: Labels | undefined;
  readonly names: readonly string[];
}

type Make<T> = (declared: Declared) => T;

/** The most characters of a help text; a longer one is cut. */
const MOST_HELP = 250;
/** The largest recorded duration: 139 years in microseconds. */
const MOST_US = 2 ** 52;

const counterOf: Make<{ add: Observe }> = (declared) => {
  const { recorder, name, fault } = declared;
  const series = seriesOf<Counter>(declared, (labels) => recorder.counter(name, labels));
  return {
    add(n = 1, labels) {
      if (!(Number.isSafeInteger(n) && n >= 0)) throw refusal(fault, 'add', n, 'a whole number >= 0');
      series('add', labels).add(n);
    },
  };
};

const gaugeOf: Make<{ set: Observe; add: Observe }> = (declared) => {
  const { recorder, name, fault } = declared;
  const series = seriesOf<Gauge>(declared, (labels) => recorder.gauge(name, labels));
  const checked = (method: string, value: number | undefined): number => {
    if (value !== undefined && Number.isFinite(value)) return value;
    throw refusal(fault, method, value, 'a finite number');
  };
  return {
    set(value, labels) {
      const number = checked('set', value);
      series('set', labels).set(number);
    },
    add(n, labels) {
      const number = checked('add', n);
      series('add', labels).add(number);
    },
  };
};

const histogramOf: Make<{ record: Observe }> = (declared) => {
  const { recorder, name, options, fault } = declared;
  const { buckets } = options;
  const series = seriesOf<Histogram>(declared, (labels) =>
    buckets === undefined ? recorder.histogram(name, labels) : recorder.distribution(name, labels, buckets),
  );
  const wanted = buckets === undefined ? 'a number of microseconds >= 0' : 'a finite number >= 0';
  return {
    record(value, labels) {
      if (value === undefined || !(Number.isFinite(value) && value >= 0)) {
        throw refusal(fault, 'record', value, wanted);
      }
      const recorded = buckets === undefined ? Math.min(MOST_US, Math.round(value)) : value;
      series('record', labels).record(recorded);
    },
  };
};

/** @returns a function that finds the series of an observation by the labels that were given with it */
function seriesOf<T>(
  { labels, names, fault }: Declared,
  make: (labels: Labels) => T,
): (method: string, given: unknown) => T {
  if (labels === undefined) {
    const all = new LabelledSeries(names, make, fault);
    return (method, given) => all.of(method, given);
  }
  const series = make(labels);
  return (method, given) => {
    if (given === undefined) return series;
    throw fault(
      `${method} takes nothing behind the number, because the values of the labels are given where the metric ` +
        'is declared; declare their names, as in ["kind"], to give values with each number',
    );
  };
}

const refusal = (fault: ErrorFactory, method: string, given: unknown, wanted: string): Error =>
  fault(`${method} takes ${wanted}, not ${describeValue(given)}`);
