// What node's parser refuses, or what took too long: there is no request object, so the bytes are written here.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError } from '../../errors.js';
import { TraceIds } from '../trace-ids.js';
import { problemOf } from './problem.js';

export const MAX_HEADER_BYTES = 16 * 1024;
/** How long a client that was refused may take to close its side. Closed at once, it could not read why. */
const LINGER_MS = 500;
/** Above this many clients that are late nobody is told why: they are hardly there by accident. */
const MOST_TOLD = 64;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

export class Refusals {
  readonly #ids = new TraceIds();

  refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    this.#end(failureOf(error.code), socket);
  }

  /**
   * Ends a connection whose header did not arrive in time.
   * @param others that wait for theirs
   */
  late(socket: Socket, others: number): void {
    if (others > MOST_TOLD || !socket.writable) socket.resetAndDestroy();
    else this.#end(tooSlow(), socket);
  }

  #end(failure: HttpError, socket: Duplex): void {
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
    socket.end(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
  }
}

const tooSlow = (): HttpError => new HttpError('BODY_TIMEOUT', 'The request did not arrive in time.');

function failureOf(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new HttpError('HEADERS_TOO_LARGE', `The header is larger than ${MAX_HEADER_BYTES} bytes.`);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return tooSlow();
  return new HttpError('MALFORMED_REQUEST', 'The request is not valid HTTP.');
}
