// What a thread uses to count: counters, gauges and histograms in its own rows of shared memory. This file
// has only the interfaces; series.ts implements them, and totals.ts reads the rows of all threads.

/** Names of labels and their fixed values. */
export type Labels = Readonly<Record<string, string>>;
export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** A number that only grows, counted over all threads. */
export interface Counter {
  /** Adds a whole number 0..2^53 - 1. */
  add(n?: number): void;
}

/** A number that rises and falls. Its value is the sum over all threads. */
export interface Gauge {
  /** Sets it to any finite number. */
  set(value: number): void;
  /** Adds any finite number. The sum stays finite: it is limited to the largest number. */
  add(n: number): void;
}

/** Counts values in buckets, over all threads. */
export interface Histogram {
  /** Records one duration in whole microseconds, 0..2^53 - 1. */
  record(microseconds: number): void;
}

/** A histogram of durations that belong to traces. */
export interface TracedHistogram extends Histogram {
  /** @param trace the recorded trace of the duration; it becomes the exemplar of its bucket */
  record(microseconds: number, trace?: TraceIdentity): void;
}

/** A histogram with buckets of its own. */
export interface Distribution {
  /** Records any finite number. */
  record(value: number): void;
}

/** The ids of a recorded span, in lower-case hex. */
export interface TraceIdentity {
  readonly traceId: string;
  readonly spanId: string;
}

/** A duration that was counted, with the trace that shows why it took so long. */
export interface Exemplar extends TraceIdentity {
  readonly microseconds: number;
  /** Milliseconds since 1970. */
  readonly at: number;
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
   * @param bounds see `distribution`
   */
  declare(metric: string, kind: MetricKind, help: string, bounds?: readonly number[]): void;
  counter(metric: string, labels?: Labels): Counter;
  /**
   * A counter that has one label more, for one of many things that come and go. Once there are many of them,
   * it takes over the row of a thing that is gone. The count of that thing is kept by the primary when it has
   * read it, see renamed-counts.ts, and is shown under `labels` alone otherwise: no total goes down.
   */
  transient(metric: string, labels: Labels, one: Transient): Counter;
  gauge(metric: string, labels?: Labels): Gauge;
  histogram(metric: string, labels?: Labels): TracedHistogram;
  /** @param bounds upper bounds (inclusive) of its buckets, ascending, at most `MOST_BOUNDS` */
  distribution(metric: string, labels: Labels, bounds: readonly number[]): Distribution;
}

/**
 * One series, merged over all threads by totals.ts. Only a histogram has `cells`; see histogram.ts for their
 * edges.
 */
export interface SeriesTotal {
  readonly metric: string;
  readonly kind: MetricKind;
  readonly labels: Labels;
  /** Counter or gauge value; sum of a histogram, in microseconds when it has no `bounds`. */
  readonly value: number;
  readonly cells: readonly number[] | undefined;
  /**
   * Upper bounds of the cells of a histogram with buckets of its own; the last cell takes all larger values.
   * Absent for durations.
   */
  readonly bounds?: readonly number[];
  /** Longest duration of a histogram in microseconds, 0 without any. */
  readonly longest?: number;
  /** The latest exemplar of each bucket of Prometheus, `+Inf` last; absent for a series without any. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
}

/** A metric that a service declared itself. */
export interface Declaration {
  readonly metric: string;
  readonly kind: MetricKind;
  readonly help: string;
  /** Present for a histogram with buckets of its own. */
  readonly bounds?: readonly number[];
  /** The time of the declaration, in nanoseconds of the clock that all threads share (`process.hrtime`). */
  readonly at: number;
}
