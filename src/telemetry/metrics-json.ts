// `/metrics.json`: a summary for people and scripts that do not use Prometheus.
import { quantile } from '../memory/metrics/histogram.js';
import type { SeriesTotal } from '../memory/metrics/recorder.js';
import { gatherFamilies, type MetricSource } from './metric-families.js';
import { Pace } from './pace.js';
import { servedSeries } from './served-requests.js';

export interface ResponseTimes {
  /**
   * Milliseconds. A quantile is at most 21.5 % too high, and at most 19.2 % from 70 us to 10 s. Above 10 s it
   * is the next of 15, 20, 30, 45 and 60 s, 2, 5, 15 and 60 min (memory/metrics/histogram.ts). None exceeds
   * `max`.
   */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  /** The longest response time, exact to the microsecond. */
  readonly max: number;
}

export interface MetricsJson {
  /** HTTP requests and gRPC calls. */
  readonly request_count: number;
  /** Responses with a status of 500 or more, and gRPC calls that failed by a fault of the server. */
  readonly error_count: number;
  readonly response_time_ms: ResponseTimes;
  readonly active_requests: number;
  readonly uptime_seconds: number;
  readonly routes: readonly {
    /** `GRPC` for a gRPC method, whose path is the route. */
    readonly method: string;
    readonly route: string;
    readonly request_count: number;
    readonly error_count: number;
    readonly response_time_ms: ResponseTimes;
  }[];
}

class Tally {
  readonly #cells: number[] = [];
  #requests = 0;
  #errors = 0;
  #longest = 0;

  add({ cells = [], longest = 0 }: SeriesTotal, hasFailed: boolean): void {
    this.#longest = Math.max(this.#longest, longest);
    for (const [cell, count] of cells.entries()) {
      this.#cells[cell] = (this.#cells[cell] ?? 0) + count;
      this.#requests += count;
      if (hasFailed) this.#errors += count;
    }
  }

  numbers() {
    const ms = (q: number): number => quantile(this.#cells, q, this.#longest) / 1000;
    return {
      request_count: this.#requests,
      error_count: this.#errors,
      response_time_ms: { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99), max: this.#longest / 1000 },
    };
  }
}

/** The numbers of all workers together, since the process started. */
export async function metricsJson(sources: readonly MetricSource[]): Promise<MetricsJson> {
  const families = await gatherFamilies(sources);
  const total = new Tally();
  const routes = new Map<string, { method: string; route: string; tally: Tally }>();
  const pace = new Pace();
  for (const { name, series } of families) {
    for (const one of series) {
      const served = servedSeries(name, one.labels);
      if (served === undefined) break;
      await pace.rest();
      const { method, route, error } = served;
      const hasFailed = error !== undefined;
      total.add(one, hasFailed);
      const key = `${method} ${route}`;
      const entry = routes.get(key) ?? { method, route, tally: new Tally() };
      entry.tally.add(one, hasFailed);
      routes.set(key, entry);
    }
  }
  const shown: MetricsJson['routes'][number][] = [];
  for (const { method, route, tally } of routes.values()) {
    await pace.rest();
    shown.push({ method, route, ...tally.numbers() });
  }
  const active = families.find(({ name }) => name === 'http_server_active_requests');
  return {
    ...total.numbers(),
    active_requests: (active?.series ?? []).reduce((sum, { value }) => sum + value, 0),
    uptime_seconds: Math.floor(process.uptime()),
    routes: shown,
  };
}
