// Counts requests in this worker's rows of shared memory, by the labels of the metrics.
import { grpcStatusOf } from '../errors.js';
import type { Clock } from '../memory/clock.js';
import type { FlightRecorder } from '../memory/flight-recorder.js';
import type {
  Counter,
  Labels,
  Recorder,
  TracedHistogram,
  TraceIdentity,
} from '../memory/metrics/recorder.js';
import type { RouteNumbers } from '../memory/route-names.js';
import type { WorkerRow } from '../memory/worker-row.js';
import type { RequestObserver, RouteMeter } from '../server/request-observer.js';
import { memoizeByKey } from './memoize-by-key.js';

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

/** What the requests of one route are counted as. */
interface RouteCount {
  /** What other threads see as the running route. */
  readonly name: { readonly method: string; readonly template: string };
  readonly metric: string;
  /** From this HTTP status on there is one series per status and error code, below it one per status. */
  readonly errorsFrom: number;
  readonly labels: (status: number, error: string) => Labels;
}

/** The requests of this worker. */
interface Tally {
  /** Those that have begun and not ended. */
  inFlight: number;
  ended: number;
  /** Those that have ended with a status from 500 on. */
  failed: number;
}

export class RequestMeters implements RequestObserver {
  readonly #options: RequestMeterOptions;
  /** Milliseconds from `performance.now()` of this thread to the shared clock. */
  readonly #clockOffset: number;
  readonly #tally: Tally = { inFlight: 0, ended: 0, failed: 0 };
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
    const { scheme } = this.#options;
    const common = { http_request_method: method, http_route: template, url_scheme: scheme };
    return this.#meter({
      name: { method, template },
      metric: 'http_server_request_duration_seconds',
      errorsFrom: 500,
      labels: (status, error) => ({
        ...common,
        http_response_status_code: String(status),
        error_type: error,
      }),
    });
  }

  rpcMeter(path = ''): RouteMeter {
    return this.#meter({
      name: { method: 'GRPC', template: path },
      metric: 'rpc_server_call_duration_seconds',
      errorsFrom: 400,
      labels: (status, error) => ({
        rpc_system_name: 'grpc',
        rpc_method: path === '' ? OTHER : path.slice(1),
        rpc_response_status_code: status < 400 ? 'OK' : grpcStatusOf(error, status),
        error_type: error,
      }),
    });
  }

  #meter(count: RouteCount): RouteMeter {
    return new Meter(this.#options, count, this.#clockOffset, this.#tally);
  }
}

class Meter implements RouteMeter {
  readonly #options: RequestMeterOptions;
  readonly #row: WorkerRow;
  readonly #flightRecorder: FlightRecorder;
  readonly #count: RouteCount;
  readonly #clockOffset: number;
  readonly #tally: Tally;
  readonly #byStatus = new Map<number, TracedHistogram>();
  readonly #failures = new Map<number, Map<string, TracedHistogram>>();
  /** The number by which other threads see which route runs, or ran. */
  #route: number | undefined;

  constructor(options: RequestMeterOptions, count: RouteCount, clockOffset: number, tally: Tally) {
    this.#options = options;
    this.#row = options.row;
    this.#flightRecorder = options.flightRecorder;
    this.#count = count;
    this.#clockOffset = clockOffset;
    this.#tally = tally;
  }

  get routeNumber(): number {
    return this.#route ?? 0;
  }

  begin(at: number, requestId: string, requestNumber: number): number {
    this.#route ??= this.#options.routes.of(this.#count.name);
    const now = at + this.#clockOffset;
    const flight = this.#flightRecorder.begin(this.#route, now, requestId, requestNumber);
    // The count follows the record, so a reader of the count finds the record of each counted request. The
    // tally follows all calls, so a call for which the stack is too full counts nothing.
    this.#row.began(this.#tally.inFlight + 1);
    this.#tally.inFlight++;
    return flight;
  }

  enter(at: number): number {
    return this.#row.enterRoute(this.#route!, at + this.#clockOffset);
  }

  leave(before: number): void {
    this.#row.leaveRoute(before);
  }

  end(
    begun: number,
    status: number,
    microseconds: number,
    error: string | undefined,
    trace?: TraceIdentity,
  ): void {
    const { inFlight, ended, failed } = this.#tally;
    const hasErrors = status >= this.#count.errorsFrom;
    const hasFailed = status >= 500;
    const series = hasErrors ? this.#failureSeriesOf(status, error) : this.#seriesOf(status);
    this.#flightRecorder.end(begun, status, microseconds);
    this.#row.ended(inFlight - 1, ended + 1, hasFailed ? failed + 1 : undefined);
    // When one of the calls is cut off, the end is reported again. So all that come before may be repeated,
    // this one counts or is cut off, and none follows it.
    series.record(microseconds, trace);
    this.#tally.inFlight = inFlight - 1;
    this.#tally.ended = ended + 1;
    if (hasFailed) this.#tally.failed = failed + 1;
  }

  #seriesOf(status: number): TracedHistogram {
    let series = this.#byStatus.get(status);
    if (series === undefined) {
      series = this.#createSeries(status, '');
      this.#byStatus.set(status, series);
    }
    return series;
  }

  #failureSeriesOf(status: number, error = String(status)): TracedHistogram {
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

  #createSeries(status: number, error: string): TracedHistogram {
    const { series, failures } = this.#options;
    const { metric, labels } = this.#count;
    return (status >= 500 ? failures : series).histogram(metric, labels(status, error));
  }
}
