// What a thread uses to count: counters, gauges and histograms in its own rows of shared memory.
// The contract first; series.ts implements it, totals.ts reads all threads' rows back.

export type Labels = Readonly<Record<string, string>>;
export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface Counter {
  /** Adds a whole number 0..2^53 - 1. */
  add(n?: number): void;
}

export interface Gauge {
  /** Sets it to any finite number. */
  set(value: number): void;
  /** Any finite number. The sum stays finite: it ends at the largest number there is. */
  add(n: number): void;
}

export interface Histogram {
  /** Records one duration in whole microseconds, 0..2^53 - 1. */
  record(microseconds: number): void;
}

/** One of many that come and go, by a label of its own. */
export interface Transient {
  readonly label: string;
  readonly value: string;
  /** Whether one that had this value will not be counted again. */
  readonly isGone: (value: string) => boolean;
}

/**
 * Getting a series is the slow part (a map look-up, the first time a row in shared memory): keep what you
 * get. Metric names are the Prometheus names of docs/contract.md. A series that finds no row shares its
 * metric's overflow row (labels `{}`), and is counted as overflow. It finds none whenever it is looked up, so
 * a look-up with labels of a client's choosing is slow, and takes no memory.
 */
export interface Recorder {
  /**
   * States type and help of a metric that is not in the product's own table (telemetry/metrics.ts). Of what
   * several threads state, whenever, the latest holds.
   */
  declare(metric: string, kind: MetricKind, help: string): void;
  counter(metric: string, labels?: Labels): Counter;
  /**
   * A counter that has one label more. Once there are many of them, it takes over the row of one that is
   * gone: what that one has counted is shown under `labels` alone from then on, so their sum never goes down.
   */
  transient(metric: string, labels: Labels, one: Transient): Counter;
  gauge(metric: string, labels?: Labels): Gauge;
  histogram(metric: string, labels?: Labels): Histogram;
}

/** One merged series, as totals.ts reads it. `cells` only for histograms; see histogram.ts for the edges. */
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
