// What a thread uses to count: counters, gauges and histograms in its own rows of shared memory. This file
// has only the interfaces; series.ts implements them, and totals.ts reads the rows of all threads.

export type Labels = Readonly<Record<string, string>>;
export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface Counter {
  /** Adds a whole number 0..2^53 - 1. */
  add(n?: number): void;
}

export interface Gauge {
  /** Sets it to any finite number. */
  set(value: number): void;
  /** Adds any finite number. The sum stays finite: it is limited to the largest number. */
  add(n: number): void;
}

export interface Histogram {
  /** Records one duration in whole microseconds, 0..2^53 - 1. */
  record(microseconds: number): void;
}

/** A label for one of many things that come and go, for example an instance of a service. */
export interface Transient {
  readonly label: string;
  readonly value: string;
  /** Whether the thing with this value of the label is gone, so that it will not be counted again. */
  readonly isGone: (value: string) => boolean;
}

/**
 * Gives a thread its series. Looking up a series is slow (a map, and the first time a new row in shared
 * memory), so keep the result. Metric names are the Prometheus names of docs/contract.md. A series that finds
 * no free row shares the overflow row of its metric (labels `{}`), and is counted as overflow. That is not
 * remembered, so labels that clients choose make look-ups slow but take no memory.
 */
export interface Recorder {
  /**
   * Declares kind and help text of a metric of a service, which is not in the runtime's own table
   * (telemetry/metric-table.ts). When several threads declare it, the latest declaration holds.
   */
  declare(metric: string, kind: MetricKind, help: string): void;
  counter(metric: string, labels?: Labels): Counter;
  /**
   * A counter that has one label more, for one of many things that come and go. Once there are many of them,
   * it takes over the row of a thing that is gone. The count of that thing is shown under `labels` alone from
   * then on, so the sum of all never goes down.
   */
  transient(metric: string, labels: Labels, one: Transient): Counter;
  gauge(metric: string, labels?: Labels): Gauge;
  histogram(metric: string, labels?: Labels): Histogram;
}

/**
 * One series, merged over all threads by totals.ts. Only a histogram has `cells`; see histogram.ts for their
 * edges.
 */
export interface SeriesTotal {
  readonly metric: string;
  readonly kind: MetricKind;
  readonly labels: Labels;
  /** Counter or gauge value; sum of a histogram in microseconds. */
  readonly value: number;
  readonly cells: readonly number[] | undefined;
  /** Longest duration of a histogram in microseconds, 0 without any. */
  readonly longest?: number;
}

/** A metric that a service declared itself. */
export interface Declaration {
  readonly metric: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** The time of the declaration, in nanoseconds of the clock that all threads share (`process.hrtime`). */
  readonly at: number;
}
