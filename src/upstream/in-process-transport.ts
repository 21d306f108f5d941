// Calls to a service of this worker, through its pipeline and without a socket. Responses and errors are the
// same as over the network, with the date and the limits of the header that HTTP has, and no value is shared
// between caller and callee.
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';
import { receive } from './buffered-response.js';
import { httpFailure } from './http-failure.js';
import { HttpStream, type StreamRequest } from './http-stream.js';
import { InProcessStream } from './in-process-stream.js';
import {
  type Dispatch,
  MAX_HEADER_BYTES,
  type OutgoingRequest,
  type Received,
  type StreamDispatch,
  type Transport,
} from './transport.js';
import { OversizedHeaderError } from './transport-errors.js';

export class InProcessTransport implements Transport {
  readonly #dispatch: Dispatch;
  readonly #dispatchStream: StreamDispatch;
  readonly #date = new HttpDate();

  /** @param dispatchStream @default none: no call is streamed */
  constructor(dispatch: Dispatch, dispatchStream: StreamDispatch = noStreams) {
    this.#dispatch = dispatch;
    this.#dispatchStream = dispatchStream;
  }

  send(endpoint: Endpoint, request: OutgoingRequest): Promise<Received> {
    const { aborted, reason } = request.abort ?? request.signal;
    if (aborted) return Promise.reject(reason as Error);
    return this.#dispatch(endpoint.service, request).then(
      ({ status, headers, body }) => {
        if (request.protocol === 'grpc') return receive(status, headers, body);
        checkSize(endpoint, headers);
        const received = receive(status, headers, body);
        (received.headers as Record<string, string>).date ??= this.#date.now();
        return received;
      },
      (error: unknown) => {
        const { aborted, reason } = request.abort ?? request.signal;
        throw aborted && error === reason ? error : asHttpError(error, endpoint, aborted);
      },
    );
  }

  /** Sends a request whose response is read as it arrives. @throws as `HttpTransport.stream` */
  stream(endpoint: Endpoint, request: StreamRequest): Promise<HttpStream> {
    const { abort } = request;
    if (abort.aborted) return Promise.reject(abort.reason as Error);
    return new Promise((resolve, reject) => {
      const stream = new HttpStream(endpoint, abort, resolve, reject, () => undefined);
      const receiver = new InProcessStream(stream, (headers) => {
        checkSize(endpoint, headers);
        headers.date ??= this.#date.now();
      });
      receiver.start(() => this.#dispatchStream(endpoint.service, request, receiver));
    });
  }

  async close(): Promise<void> {}
}

const noStreams = (): never => {
  throw new Error('in-process transport: it was made without streams');
};

/** The bytes of a field on the wire beside its name and value. */
const FRAMING = ': \r\n'.length;

/** @throws OversizedHeaderError for a larger header than is accepted over HTTP */
function checkSize({ id, service }: Endpoint, headers: Readonly<Record<string, string>>): void {
  let bytes = 0;
  for (const name in headers) bytes += name.length + headers[name]!.length + FRAMING;
  if (bytes > MAX_HEADER_BYTES)
    throw new OversizedHeaderError(`Instance ${id} of ${service} sent a larger header than is accepted.`);
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
function asHttpError(error: unknown, endpoint: Endpoint, isAborted: boolean): Error {
  const { service } = endpoint;
  // As long as the caller is there, the service itself has cut off its response.
  if (error instanceof HttpError)
    return error.code === 'CLIENT_CLOSED' && !isAborted
      ? httpFailure(endpoint, new Error('cut off', { cause: error }))
      : error;
  return new HttpError('BAD_UPSTREAM', `Service ${service} failed without a response.`, { cause: error });
}
