// Counts requests in this worker's rows of shared memory, by the labels of the metrics.
import type { Clock } from '../memory/clock.js';
import type { FlightRecorder } from '../memory/flight-recorder.js';
import type { Counter, Histogram, Recorder } from '../memory/metrics/recorder.js';
import type { RouteNumbers } from '../memory/route-names.js';
import type { WorkerRow } from '../memory/worker-row.js';
import type { RequestObserver, RouteMeter } from '../server/request-observer.js';
import { memoizeByKey } from './memoize-by-key.js';

const METRIC = 'http_server_request_duration_seconds';
/** Error types of one route and status; further ones count as `_OTHER`, as OpenTelemetry calls it. */
const ERROR_TYPES = 16;
const OTHER = '_OTHER';

export interface RequestMeterOptions {
  readonly recorder: Recorder;
  /** Makes the series of responses below status 500: one for each route and status. */
  readonly series: Recorder;
  /**
   * Makes the series of responses from status 500 on. They have a pool of their own, so that failures are
   * counted when the pool of the other series is full.
   */
  readonly failures: Recorder;
  readonly routes: RouteNumbers;
  readonly row: WorkerRow;
  readonly flightRecorder: FlightRecorder;
  readonly clock: Clock;
  readonly scheme: 'http' | 'https';
}

/** Requests of this worker that have begun and not ended. */
interface Tally {
  inFlight: number;
}

export class RequestMeters implements RequestObserver {
  readonly #options: RequestMeterOptions;
  /** Milliseconds from `performance.now()` of this thread to the shared clock. */
  readonly #clockOffset: number;
  readonly #tally: Tally = { inFlight: 0 };
  readonly #refusals: (reason: string) => Counter;

  constructor(options: RequestMeterOptions) {
    this.#options = options;
    this.#clockOffset = options.clock() - performance.now();
    this.#refusals = memoizeByKey((reason) =>
      options.recorder.counter('multilane_requests_shed_total', { reason }),
    );
  }

  refused(reason: string): void {
    this.#refusals(reason).add();
  }

  meter(method: string, template = ''): RouteMeter {
    return new Meter(this.#options, method, template, this.#clockOffset, this.#tally);
  }
}

class Meter implements RouteMeter {
  readonly #options: RequestMeterOptions;
  readonly #row: WorkerRow;
  readonly #flightRecorder: FlightRecorder;
  readonly #method: string;
  readonly #template: string;
  readonly #clockOffset: number;
  readonly #tally: Tally;
  /** Below 500 there is one series per status; from 500 on there is one per status and error code. */
  readonly #byStatus = new Map<number, Histogram>();
  readonly #failures = new Map<number, Map<string, Histogram>>();
  /** The number by which other threads see which route runs, or ran. */
  #route: number | undefined;

  constructor(
    options: RequestMeterOptions,
    method: string,
    template: string,
    clockOffset: number,
    tally: Tally,
  ) {
    this.#options = options;
    this.#row = options.row;
    this.#flightRecorder = options.flightRecorder;
    this.#method = method;
    this.#template = template;
    this.#clockOffset = clockOffset;
    this.#tally = tally;
  }

  begin(at: number): number {
    this.#row.began(++this.#tally.inFlight);
    this.#route ??= this.#options.routes.of({ method: this.#method, template: this.#template });
    return this.#flightRecorder.begin(this.#route, at + this.#clockOffset);
  }

  enter(at: number): number {
    return this.#row.enterRoute(this.#route!, at + this.#clockOffset);
  }

  leave(before: number): void {
    this.#row.leaveRoute(before);
  }

  end(begun: number, status: number, microseconds: number, error: string | undefined): void {
    this.#flightRecorder.end(begun, status, microseconds);
    const failed = status >= 500;
    (failed ? this.#failureSeriesOf(status, error) : this.#seriesOf(status)).record(microseconds);
    this.#row.ended(--this.#tally.inFlight, failed);
  }

  #seriesOf(status: number): Histogram {
    let series = this.#byStatus.get(status);
    if (series === undefined) {
      series = this.#createSeries(status, '');
      this.#byStatus.set(status, series);
    }
    return series;
  }

  #failureSeriesOf(status: number, error = String(status)): Histogram {
    let byError = this.#failures.get(status);
    if (byError === undefined) {
      byError = new Map();
      this.#failures.set(status, byError);
    }
    const known = byError.get(error);
    if (known !== undefined) return known;
    const type = byError.size < ERROR_TYPES ? error : OTHER;
    const series = byError.get(type) ?? this.#createSeries(status, type);
    byError.set(type, series);
    return series;
  }

  #createSeries(status: number, error: string): Histogram {
    const { series, failures } = this.#options;
    return (status >= 500 ? failures : series).histogram(METRIC, {
      http_request_method: this.#method,
      http_route: this.#template,
      url_scheme: this.#options.scheme,
      http_response_status_code: String(status),
      error_type: error,
    });
  }
}
