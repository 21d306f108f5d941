// What a service gets to count with: its own metrics, checked when they are declared, and whatever it adds to
// them. A value that is no number would be a number to whoever reads the metric.
import type { Counter, Gauge, Histogram, Labels, MetricKind, Recorder } from '../memory/recorder.js';
import { assertOwnMetric } from './metrics.js';
import { DeclaredMetrics } from './own-metrics.js';

type Declared<T> = (name: string, help: string, labels?: Labels) => T;

/** Structurally the `ServiceMetrics` of services/service.ts, which this room must not know. */
export interface OwnMetrics {
  /** `add` throws a TypeError for what is no whole number >= 0. */
  readonly counter: Declared<Counter>;
  /** `set` and `add` throw a TypeError for what is no finite number. */
  readonly gauge: Declared<Gauge>;
  /** `record` throws a TypeError for what is no finite number >= 0. */
  readonly histogram: Declared<Histogram>;
}

/**
 * @param recorder of the services of a thread
 * @returns the metrics of each of them, by its name
 */
export function serviceMetrics(recorder: Recorder): (service: string) => OwnMetrics {
  const all = new DeclaredMetrics();
  return (service) => metricsOf(service, recorder, all);
}

function metricsOf(service: string, recorder: Recorder, all: DeclaredMetrics): OwnMetrics {
  const declared =
    <T>(kind: MetricKind, make: (name: string, labels: Labels) => T): Declared<T> =>
    (name, help, labels = {}) => {
      assertOwnMetric(name, help, labels);
      if (all.add(service, name, kind)) recorder.declare(name, kind, help.slice(0, MOST_HELP));
      return make(name, labels);
    };
  return {
    counter: declared('counter', (name, labels) => {
      const counter = recorder.counter(name, labels);
      return {
        add(n = 1) {
          if (!(Number.isSafeInteger(n) && n >= 0)) throw noNumber(`${name}.add`, n, 'a whole number >= 0');
          counter.add(n);
        },
      };
    }),
    gauge: declared('gauge', (name, labels) => {
      const gauge = recorder.gauge(name, labels);
      return {
        set(value) {
          if (!Number.isFinite(value)) throw noNumber(`${name}.set`, value, 'a finite number');
          gauge.set(value);
        },
        add(n) {
          if (!Number.isFinite(n)) throw noNumber(`${name}.add`, n, 'a finite number');
          gauge.add(n);
        },
      };
    }),
    histogram: declared('histogram', (name, labels) => {
      const histogram = recorder.histogram(name, labels);
      return {
        record(microseconds) {
          if (!(Number.isFinite(microseconds) && microseconds >= 0)) {
            throw noNumber(`${name}.record`, microseconds, 'a number of microseconds >= 0');
          }
          histogram.record(Math.min(MOST, Math.round(microseconds)));
        },
      };
    }),
  };
}

/** Characters of what is said about a metric. */
const MOST_HELP = 250;
/** 139 years. */
const MOST = 2 ** 52;

const noNumber = (what: string, given: unknown, wanted: string): TypeError =>
  new TypeError(`metric ${what}(${String(given)}): it takes ${wanted}`);
