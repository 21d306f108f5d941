// Counts requests in this worker's rows of shared memory: what the pipeline tells, in the metrics' terms.
import type { Clock } from '../memory/clock.js';
import type { FlightRecorder } from '../memory/flight-recorder.js';
import type { Counter, Histogram, Recorder } from '../memory/recorder.js';
import type { WorkerRow } from '../memory/worker-row.js';
import type { RequestObserver, RouteMeter } from '../server/observer.js';

const METRIC = 'http_server_request_duration_seconds';

/** Requests of this worker that have begun and not ended. */
interface Tally {
  inFlight: number;
}

export class RequestMeters implements RequestObserver {
  readonly #recorder: Recorder;
  readonly #row: WorkerRow;
  readonly #flights: FlightRecorder;
  /** From `performance.now()` of this thread to the shared clock. */
  readonly #clockOffset: number;
  readonly #tally: Tally = { inFlight: 0 };
  readonly #scheme: 'http' | 'https';
  readonly #refusals = new Map<string, Counter>();

  constructor(
    recorder: Recorder,
    row: WorkerRow,
    flights: FlightRecorder,
    clock: Clock,
    scheme: 'http' | 'https',
  ) {
    this.#scheme = scheme;
    this.#recorder = recorder;
    this.#row = row;
    this.#flights = flights;
    this.#clockOffset = clock() - performance.now();
  }

  refused(reason: string): void {
    let counter = this.#refusals.get(reason);
    if (counter === undefined) {
      counter = this.#recorder.counter('multilane_requests_shed_total', { reason });
      this.#refusals.set(reason, counter);
    }
    counter.add();
  }

  meter(method: string, template: string | undefined): RouteMeter {
    const labels = { http_request_method: method, http_route: template ?? '', url_scheme: this.#scheme };
    const series = (status: number, error: string): Histogram =>
      this.#recorder.histogram(METRIC, {
        ...labels,
        http_response_status_code: String(status),
        error_type: error,
      });
    return new Meter(series, this.#row, this.#flights, this.#clockOffset, this.#tally);
  }
}

class Meter implements RouteMeter {
  readonly #series: (status: number, error: string) => Histogram;
  readonly #row: WorkerRow;
  readonly #flights: FlightRecorder;
  readonly #clockOffset: number;
  readonly #tally: Tally;
  /** Below 500 there is one series per status; from there on one per status and error code. */
  readonly #byStatus = new Map<number, Histogram>();
  readonly #byError = new Map<string, Histogram>();
  /** Row of the series of successes: names the route to whoever looks which one runs, or ran. */
  #route: number | undefined;

  constructor(
    series: (status: number, error: string) => Histogram,
    row: WorkerRow,
    flights: FlightRecorder,
    clockOffset: number,
    tally: Tally,
  ) {
    this.#series = series;
    this.#row = row;
    this.#flights = flights;
    this.#clockOffset = clockOffset;
    this.#tally = tally;
  }

  begin(at: number): number {
    this.#row.began(++this.#tally.inFlight);
    this.#route ??= this.#of(200).row;
    return this.#flights.begin(this.#route, at + this.#clockOffset);
  }

  enter(at: number): number {
    return this.#row.enterRoute(this.#route!, at + this.#clockOffset);
  }

  leave(before: number): void {
    this.#row.leaveRoute(before);
  }

  end(begun: number, status: number, microseconds: number, error: string | undefined): void {
    this.#flights.end(begun, status, microseconds);
    const failed = status >= 500;
    (failed ? this.#ofFailure(status, error) : this.#of(status)).record(microseconds);
    this.#row.ended(--this.#tally.inFlight, failed);
  }

  #of(status: number): Histogram {
    let series = this.#byStatus.get(status);
    if (series === undefined) {
      series = this.#series(status, '');
      this.#byStatus.set(status, series);
    }
    return series;
  }

  #ofFailure(status: number, error = String(status)): Histogram {
    const key = `${status} ${error}`;
    let series = this.#byError.get(key);
    if (series === undefined) {
      series = this.#series(status, error);
      this.#byError.set(key, series);
    }
    return series;
  }
}
