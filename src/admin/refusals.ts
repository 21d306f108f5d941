// Responses to requests that the parser of Node.js refuses, or that took too long. There is no request object
// for them, so the bytes of the response are written here.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError } from '../errors.js';
import { problemOf } from '../problem.js';
import { TraceIds } from '../telemetry/trace-ids.js';
import type { ClientInput } from './client-input.js';
import { linger } from './linger.js';

export const MAX_HEADER_BYTES = 16 * 1024;
/**
 * When more connections than this are late, they are reset without a response: they are hardly late by
 * accident.
 */
const MOST_LATE_RESPONSES = 64;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

export class Refusals {
  readonly #ids = new TraceIds();
  readonly #inputs: WeakMap<Duplex, ClientInput>;

  /** @param inputs those of all connections that node:http has */
  constructor(inputs: WeakMap<Duplex, ClientInput>) {
    this.#inputs = inputs;
  }

  /** Handles an error of the parser, or a time-out of node:http. */
  refuse({ code }: NodeJS.ErrnoException, socket: Duplex): void {
    const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if (isLate) this.#inputs.get(socket)?.expire(() => this.#end(tooSlow(), socket));
    else if (code === 'ECONNRESET') socket.destroy();
    else this.#end(failureOf(code), socket);
  }

  /**
   * Ends a connection whose header did not arrive in time.
   * @param others connections that still wait for their header
   */
  late(socket: Socket, others: number): void {
    if (others > MOST_LATE_RESPONSES) socket.resetAndDestroy();
    else this.#end(tooSlow(), socket);
  }

  /**
   * Sends the problem document and closes the connection. Nothing more of the request is read, so it has no
   * effect.
   */
  #end(failure: HttpError, socket: Duplex): void {
    // The request was refused before, or the last response is being sent.
    if (!socket.writable) return;
    const requestId = randomUUID();
    const { status, headers, body } = problemOf(failure, {
      requestId,
      traceId: this.#ids.traceId(),
      executed: false,
    });
    const fields = { ...headers, 'x-request-id': requestId, 'content-length': Buffer.byteLength(body) };
    const lines = Object.entries({ ...fields, connection: 'close' }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    linger(
      socket,
      `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
    );
  }
}

const tooSlow = (): HttpError => new HttpError('BODY_TIMEOUT', 'The request did not arrive in time.');

function failureOf(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError('HEADERS_TOO_LARGE', `The header is larger than ${MAX_HEADER_BYTES} bytes.`);
  }
  return new HttpError('MALFORMED_REQUEST', 'The request is not valid HTTP.');
}
