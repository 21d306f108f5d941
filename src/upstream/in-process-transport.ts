// Calls to a service of this worker, through its pipeline and without a socket. Responses and errors are the
// same as over the network, with the date and the limits of the header that HTTP has, and no value is shared
// between caller and callee.
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import {
  type Dispatch,
  MAX_HEADER_BYTES,
  type OutgoingRequest,
  type Received,
  type Transport,
} from './transport.js';
import { OversizedError } from './transport-errors.js';

export class InProcessTransport implements Transport {
  readonly #dispatch: Dispatch;
  readonly #date = new HttpDate();

  constructor(dispatch: Dispatch) {
    this.#dispatch = dispatch;
  }

  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const { aborted, reason } = request.abort ?? request.signal;
    if (aborted) return Promise.reject(reason as Error);
    return this.#dispatch(endpoint.service, request).then(
      ({ status, headers, body }) => {
        if (request.protocol === 'grpc') return receive(status, headers, body);
        if (isTooLarge(headers))
          throw new OversizedError(
            `Instance ${endpoint.id} of ${endpoint.service} sent a larger header than is accepted.`,
          );
        const received = receive(status, headers, body);
        (received.headers as Record<string, string>).date ??= this.#date.now();
        return received;
      },
      (error: unknown) => {
        const { aborted, reason } = request.abort ?? request.signal;
        throw aborted && error === reason ? error : asHttpError(error, endpoint);
      },
    );
  }

  async close(): Promise<void> {}
}

/** The bytes of a field on the wire beside its name and value. */
const FRAMING = ': \r\n'.length;

function isTooLarge(headers: Readonly<Record<string, string>>): boolean {
  let bytes = 0;
  for (const name in headers) bytes += name.length + headers[name]!.length + FRAMING;
  return bytes > MAX_HEADER_BYTES;
}

/** The date as HTTP writes it, which is made once a second. */
class HttpDate {
  #second = 0;
  #text = '';

  now(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}

/**
 * The pipeline turns everything that a handler throws into a response, so a rejection is an error of the
 * pipeline itself.
 */
function asHttpError(error: unknown, { service }: Endpoint): HttpError {
  if (error instanceof HttpError) return error;
  return new HttpError('BAD_UPSTREAM', `Service ${service} failed without a response.`, { cause: error });
}
