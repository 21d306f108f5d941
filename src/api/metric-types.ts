// Metrics of services whose labels are given with each value, and the options of metrics.

/** A value for each of the declared labels, `''` for one without a value. */
export type LabelValues<L extends string> = Readonly<Record<L, string>>;

/** A counter with a time series for each combination of label values. */
export interface CounterBy<L extends string> {
  /** @throws TypeError for anything but a whole number >= 0, and for other labels than the declared ones */
  add(n: number, labels: LabelValues<L>): void;
}

/** A gauge with a time series for each combination of label values. */
export interface GaugeBy<L extends string> {
  /** @throws TypeError for anything but a finite number, and for other labels than the declared ones */
  set(value: number, labels: LabelValues<L>): void;
  /** @throws as `set` */
  add(n: number, labels: LabelValues<L>): void;
}

/** A histogram with a time series for each combination of label values. */
export interface HistogramBy<L extends string> {
  /** @throws TypeError for anything but a number >= 0, and for other labels than the declared ones */
  record(value: number, labels: LabelValues<L>): void;
}

/** The options of counters and gauges. */
export interface MetricOptions {
  /**
   * The unit, in which the name must end: `seconds`, `bytes`, `meters` … A mistake in the name is thus
   * noticed.
   * @default the unit that the name ends in, if any
   */
  readonly unit?: string;
}

/** The options of histograms. */
export interface HistogramOptions extends MetricOptions {
  /**
   * Upper bounds of the buckets (inclusive), ascending, at most 95. `record` takes values in the unit of the
   * metric then.
   * @default the buckets of durations, 5 ms to 10 s; `record` takes microseconds, and the name must not end
   *   in another unit than `seconds`
   * @example { buckets: [1, 2, 5, 10, 20, 50] }
   */
  readonly buckets?: readonly number[];
}
