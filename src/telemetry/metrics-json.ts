// `/metrics.json`: a summary for people and scripts that do not use Prometheus.
import { quantile } from '../memory/metrics/histogram.js';
import type { SeriesTotal } from '../memory/metrics/recorder.js';
import { gatherFamilies, type MetricSource } from './metric-families.js';
import { Pace } from './pace.js';

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
  readonly request_count: number;
  /** Number of responses with a status of 500 or more. */
  readonly error_count: number;
  readonly response_time_ms: ResponseTimes;
  readonly active_requests: number;
  readonly uptime_seconds: number;
  readonly routes: readonly {
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

  add({ cells = [], longest = 0 }: SeriesTotal, failed: boolean): void {
    this.#longest = Math.max(this.#longest, longest);
    for (const [cell, count] of cells.entries()) {
      this.#cells[cell] = (this.#cells[cell] ?? 0) + count;
      this.#requests += count;
      if (failed) this.#errors += count;
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
  const requests = families.find(({ name }) => name === 'http_server_request_duration_seconds');
  const pace = new Pace();
  for (const series of requests?.series ?? []) {
    await pace.rest();
    const { http_request_method: method = '', http_route: route = '' } = series.labels;
    const failed = Number(series.labels.http_response_status_code) >= 500;
    total.add(series, failed);
    const key = `${method} ${route}`;
    const entry = routes.get(key) ?? { method, route, tally: new Tally() };
    entry.tally.add(series, failed);
    routes.set(key, entry);
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
