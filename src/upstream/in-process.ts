// A call to a service that lives in this worker: through its pipeline, without a socket. Same answers, same
// errors, and values as fresh as if they had come over the network.
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { receive } from './response.js';
import type { Dispatch, Dispatched, OutgoingRequest, Received, Transport } from './transport.js';

export class InProcessTransport implements Transport {
  readonly #dispatch: Dispatch;

  constructor(dispatch: Dispatch) {
    this.#dispatch = dispatch;
  }

  async send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const { signal } = request;
    signal.throwIfAborted();
    const response = await this.#raceAbort(this.#dispatch(endpoint.service, request), endpoint, signal);
    const headers = Object.assign(Object.create(null) as Record<string, string>, response.headers);
    return receive(response.status, headers, response.body);
  }

  /** Whoever has left does not wait for a handler that goes on. */
  #raceAbort(answer: Promise<Dispatched>, endpoint: Endpoint, signal: AbortSignal): Promise<Dispatched> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', giveUp, { once: true });
      answer.then(
        (response) => {
          signal.removeEventListener('abort', giveUp);
          resolve(response);
        },
        (error: unknown) => {
          signal.removeEventListener('abort', giveUp);
          reject(asHttpError(error, endpoint));
        },
      );
    });
  }

  async close(): Promise<void> {}
}

/** The pipeline answers whatever a handler throws; a rejection means that it failed itself. */
function asHttpError(error: unknown, { service }: Endpoint): HttpError {
  if (error instanceof HttpError) return error;
  return new HttpError('BAD_UPSTREAM', `Service ${service} gave no answer.`, { cause: error });
}
