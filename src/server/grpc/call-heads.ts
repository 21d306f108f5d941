// Looks at the heads of calls before the library does. The library ends some calls because of their heads
// itself, past the metrics and the table of errors, and it serves requests that are no calls.
//
// The stream of a call is all that the library hands on unchanged, so what is wrong is kept by the stream.
import type { IncomingHttpHeaders } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { HttpError } from '../../errors.js';
import { MAX_TIMER_MS } from '../../resilience/cancellation.js';
import { beforeLibrary } from './library-handlers.js';
import { ENCODINGS } from './rpc-decompression.js';

export class CallHeads {
  readonly #faults = new WeakMap<object, HttpError>();
  readonly #compressing = new WeakSet<object>();

  /** Call when the server has its connection injector. @throws Error as `beforeLibrary` */
  readAll(server: Server): void {
    beforeLibrary(server, (stream, headers) => {
      // The library responds with 415 to a request without a content type.
      if (!MEDIA_TYPE.test(String(headers['content-type']))) headers['content-type'] = '';
      const fault = faultIn(headers);
      if (fault !== undefined) this.#faults.set(stream, fault);
      if (headers['grpc-encoding'] !== undefined) this.#compressing.add(stream);
      correctTimeoutOf(headers);
    });
  }

  /** Whether the messages on this stream may be compressed. */
  mayCompress(stream: object): boolean {
    return this.#compressing.has(stream);
  }

  /** The error with which the call of this stream must be refused. */
  faultOf(stream: object): HttpError | undefined {
    return this.#faults.get(stream);
  }
}

/** grpc/grpc doc/PROTOCOL-HTTP2.md, Content-Type; other implementations accept parameters too. */
const MEDIA_TYPE = /^application\/grpc(?:[+;]|$)/;
const TIMEOUT_FIELD = 'grpc-timeout';
/** The most characters that a refusal shows of a field. */
const MOST_SHOWN = 40;

function faultIn(headers: IncomingHttpHeaders): HttpError | undefined {
  const { ':method': method, 'grpc-encoding': encoding, [TIMEOUT_FIELD]: timeout } = headers;
  if (method !== 'POST')
    return new HttpError('METHOD_NOT_ALLOWED', `A call of gRPC is a POST request, no ${shown(method)}.`);
  if (timeout !== undefined && correctTimeout(String(timeout)) === undefined)
    return new HttpError('MALFORMED_REQUEST', `The field ${TIMEOUT_FIELD} is no time: ${shown(timeout)}.`);
  if (encoding === undefined || ENCODINGS.includes(String(encoding))) return undefined;
  const detail = `The grpc-encoding ${shown(encoding)} is not accepted; accepted are ${ENCODINGS.join(', ')}.`;
  return new HttpError('METHOD_UNKNOWN', detail);
}

const shown = (value: unknown): string => JSON.stringify(String(value).slice(0, MOST_SHOWN));

function correctTimeoutOf(headers: IncomingHttpHeaders): void {
  const sent = headers[TIMEOUT_FIELD];
  if (sent === undefined) return;
  const corrected = correctTimeout(String(sent));
  if (corrected === undefined) delete headers[TIMEOUT_FIELD];
  else headers[TIMEOUT_FIELD] = corrected;
}

/** grpc/grpc doc/PROTOCOL-HTTP2.md, Timeout. */
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** The longest time-out that a timer can have, in seconds. */
const MOST_SECONDS = Math.floor(MAX_TIMER_MS / 1000);

/**
 * The library counts in 32 bits, so a longer time would be none or any; and it takes the first part of a text
 * that looks like a time.
 * @returns undefined for a text that is no time
 */
export function correctTimeout(sent: string): string | undefined {
  const [, digits, unit] = TIMEOUT.exec(sent) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return Number(digits) * UNIT_MS[unit]! > MOST_SECONDS * 1000 ? `${MOST_SECONDS}S` : sent;
}
