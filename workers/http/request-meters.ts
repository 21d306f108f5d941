// Counts requests in this worker's rows of shared memory: what the pipeline tells, in the metrics' terms.
import type { Clock } from '#src/memory/clock.js';
import type { Histogram, Recorder } from '#src/memory/recorder.js';
import type { WorkerRow } from '#src/memory/worker-row.js';
import type { RequestObserver, RouteMeter } from '#src/server/observer.js';

const METRIC = 'http_server_request_duration_seconds';

/** Requests of this worker: all that have begun, and those that have not ended. */
interface Tally {
  begun: number;
  inFlight: number;
}

export class RequestMeters implements RequestObserver {
  readonly #recorder: Recorder;
  readonly #row: WorkerRow;
  /** From `performance.now()` of this thread to the shared clock. */
  readonly #clockOffset: number;
  readonly #tally: Tally = { begun: 0, inFlight: 0 };

  constructor(recorder: Recorder, row: WorkerRow, clock: Clock) {
    this.#recorder = recorder;
    this.#row = row;
    this.#clockOffset = clock() - performance.now();
  }

  /** Requests that this worker has begun to serve. */
  get begun(): number {
    return this.#tally.begun;
  }

  meter(method: string, template: string | undefined): RouteMeter {
    const labels = { http_request_method: method, http_route: template ?? '', url_scheme: 'http' };
    const series = (status: number, error: string): Histogram =>
      this.#recorder.histogram(METRIC, {
        ...labels,
        http_response_status_code: String(status),
        error_type: error,
      });
    return new Meter(series, this.#row, this.#clockOffset, this.#tally);
  }
}

class Meter implements RouteMeter {
  readonly #series: (status: number, error: string) => Histogram;
  readonly #row: WorkerRow;
  readonly #clockOffset: number;
  readonly #tally: Tally;
  /** Below 500 there is one series per status; from there on one per status and error code. */
  readonly #byStatus = new Map<number, Histogram>();
  readonly #byError = new Map<string, Histogram>();
  /** The series of successes: names the route to whoever looks which one runs. */
  #success: Histogram | undefined;

  constructor(
    series: (status: number, error: string) => Histogram,
    row: WorkerRow,
    clockOffset: number,
    tally: Tally,
  ) {
    this.#series = series;
    this.#row = row;
    this.#clockOffset = clockOffset;
    this.#tally = tally;
  }

  begin(): void {
    this.#tally.begun++;
    this.#row.began(++this.#tally.inFlight);
  }

  enter(at: number): number {
    this.#success ??= this.#of(200);
    return this.#row.enterRoute(this.#success.row, at + this.#clockOffset);
  }

  leave(before: number): void {
    this.#row.leaveRoute(before);
  }

  end(status: number, microseconds: number, error: string | undefined): void {
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
