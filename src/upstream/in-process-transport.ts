// Calls to a service of this worker, through its pipeline and without a socket. Responses and errors are the
// same as over the network, and no value is shared between caller and callee.
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import type { Dispatch, OutgoingRequest, Received, Transport } from './transport.js';

export class InProcessTransport implements Transport {
  readonly #dispatch: Dispatch;

  constructor(dispatch: Dispatch) {
    this.#dispatch = dispatch;
  }

  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const { aborted, reason } = request.abort ?? request.signal;
    if (aborted) return Promise.reject(reason as Error);
    return this.#dispatch(endpoint.service, request).then(
      ({ status, headers, body }) => receive(status, headers, body),
      (error: unknown) => {
        const { aborted, reason } = request.abort ?? request.signal;
        throw aborted && error === reason ? error : asHttpError(error, endpoint);
      },
    );
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
