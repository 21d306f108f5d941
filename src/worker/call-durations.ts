// How long calls take, by the called service, method, status and error. A service chooses its statuses
// freely, so the number of its series is bounded, and the series of one service take no room from another.
import type { Histogram, Recorder } from '../memory/metrics/recorder.js';

const METRIC = 'http_client_request_duration_seconds';
/** Series of one service; all further ones count as one, with `error_type` `_OTHER`. */
export const SERIES_PER_SERVICE = 64;

export class CallDurations {
  readonly #recorder: Recorder;
  readonly #service: string;
  readonly #series = new Map<string, Histogram>();

  constructor(recorder: Recorder, service: string) {
    this.#recorder = recorder;
    this.#service = service;
  }

  /** @param status empty where there was no response */
  of(method: string, status: string, error: string): Histogram {
    const key = `${method} ${status} ${error}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= SERIES_PER_SERVICE) return this.#make('', '', '_OTHER');
    const series = this.#make(method, status, error);
    this.#series.set(key, series);
    return series;
  }

  #make(method: string, status: string, error: string): Histogram {
    return this.#recorder.histogram(METRIC, {
      http_request_method: method,
      server_address: this.#service,
      http_response_status_code: status,
      error_type: error,
    });
  }
}
