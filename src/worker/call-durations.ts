// How long calls take, by the called service, method, status and error. A service chooses its statuses
// freely, so the number of its series is bounded, and the series of one service take no room from another.
import type { Recorder, TracedHistogram } from '../memory/metrics/recorder.js';
import type { Endpoint } from '../registry/endpoint.js';

/** Series of one service; all further ones count as one, with `error_type` `_OTHER`. */
export const SERIES_PER_SERVICE = 64;

/** The metric of a protocol, and its labels. */
interface DurationForm {
  readonly metric: string;
  readonly labels: (service: string, method: string, status: string) => Readonly<Record<string, string>>;
}

const FORMS: Readonly<Record<Endpoint['protocol'], DurationForm>> = {
  http: {
    metric: 'http_client_request_duration_seconds',
    labels: (service, method, status) => ({
      http_request_method: method,
      server_address: service,
      http_response_status_code: status,
    }),
  },
  grpc: {
    metric: 'rpc_client_call_duration_seconds',
    labels: (service, method, status) => ({
      rpc_system_name: 'grpc',
      rpc_method: method,
      server_address: service,
      rpc_response_status_code: status,
    }),
  },
};

export class CallDurations {
  readonly #recorder: Recorder;
  readonly #form: DurationForm;
  readonly #service: string;
  readonly #series = new Map<string, TracedHistogram>();

  constructor(recorder: Recorder, protocol: Endpoint['protocol'], service: string) {
    this.#recorder = recorder;
    this.#form = FORMS[protocol];
    this.#service = service;
  }

  /** @param status empty where there was no response */
  of(method: string, status: string, error: string): TracedHistogram {
    const key = `${method} ${status} ${error}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= SERIES_PER_SERVICE) return this.#make('', '', '_OTHER');
    const series = this.#make(method, status, error);
    this.#series.set(key, series);
    return series;
  }

  #make(method: string, status: string, error: string): TracedHistogram {
    const { metric, labels } = this.#form;
    return this.#recorder.histogram(metric, { ...labels(this.#service, method, status), error_type: error });
  }
}
