// What a service gets to count with: its own metrics, checked when they are declared.
import type { Counter, Gauge, Histogram, Labels, Recorder } from '../memory/recorder.js';
import { assertOwnMetric } from './metrics.js';

type Declared<T> = (name: string, help: string, labels?: Labels) => T;

/** Structurally the `ServiceMetrics` of services/service.ts, which this room must not know. */
export interface OwnMetrics {
  readonly counter: Declared<Counter>;
  readonly gauge: Declared<Gauge>;
  readonly histogram: Declared<Histogram>;
}

export function serviceMetrics(recorder: Recorder): OwnMetrics {
  const declared =
    <T>(kind: 'counter' | 'gauge' | 'histogram', make: (name: string, labels: Labels) => T): Declared<T> =>
    (name, help, labels = {}) => {
      assertOwnMetric(name, help, Object.keys(labels));
      recorder.declare(name, kind, help);
      return make(name, labels);
    };
  return {
    counter: declared('counter', (name, labels) => recorder.counter(name, labels)),
    gauge: declared('gauge', (name, labels) => recorder.gauge(name, labels)),
    histogram: declared('histogram', (name, labels) => recorder.histogram(name, labels)),
  };
}
