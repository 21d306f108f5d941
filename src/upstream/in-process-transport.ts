// Calls to a service of this worker, through its pipeline and without a socket. Responses and errors are the
// same as over the network, and no value is shared between caller and callee.
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { raceAbort } from '../resilience/race-abort.js';
import { receive } from './buffered-response.js';
import type { Dispatch, Dispatched, OutgoingRequest, Received, Transport } from './transport.js';

export class InProcessTransport implements Transport {
  readonly #dispatch: Dispatch;

  constructor(dispatch: Dispatch) {
    this.#dispatch = dispatch;
  }

  async send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const { signal } = request;
    signal.throwIfAborted();
    let response: Dispatched;
    try {
      response = await raceAbort(this.#dispatch(endpoint.service, request), signal);
    } catch (error) {
      throw signal.aborted && error === signal.reason ? error : asHttpError(error, endpoint);
    }
    const headers = Object.assign(Object.create(null) as Record<string, string>, response.headers);
    return receive(response.status, headers, response.body);
  }

  async close(): Promise<void> {}
}

/**
 * The pipeline turns everything that a handler throws into a response, so a rejection is an error of the
 * pipeline itself.
 */
function asHttpError(error: unknown, { service }: Endpoint): HttpError {
  if (error instanceof HttpError) return error;
  return new HttpError('BAD_UPSTREAM', `Service ${service} failed without a response.`, { cause: error });
}
