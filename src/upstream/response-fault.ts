// What is wrong with the head of a response that no library refuses: the rules for calls, streamed calls and
// the handshakes of WebSockets.
import type { ClientRequest, IncomingHttpHeaders } from 'node:http';
import { HttpError } from '../errors.js';
import type { Endpoint } from '../registry/endpoint.js';

/** An endpoint may send this many interim responses (1xx) before its response; they are dropped. */
export const MOST_INTERIM = 16;

/** @param count interim responses so far @returns as `responseFault` */
export const interimFault = (count: number): string | undefined =>
  count > MOST_INTERIM ? 'sent too many interim responses' : undefined;

/** Ends a request with an error for too many interim responses. */
export function limitInterim(request: ClientRequest, errorOf: (fault: string) => Error): void {
  let count = 0;
  request.on('information', () => {
    const fault = interimFault(++count);
    if (fault !== undefined) request.destroy(errorOf(fault));
  });
}

/** @param fault what the endpoint has done */
export const faultError = ({ id, service }: Pick<Endpoint, 'id' | 'service'>, fault: string): HttpError =>
  new HttpError('BAD_UPSTREAM', `Instance ${id} of ${service} ${fault}.`);

/**
 * A coding other than chunked would end with the connection, and its bytes are not those of the content (RFC
 * 9112 section 6.1).
 * @returns what the endpoint has done; undefined: nothing wrong
 */
export function responseFault(
  status: number,
  { 'transfer-encoding': coding }: IncomingHttpHeaders,
): string | undefined {
  if (status < 200 || status > 599) return 'sent a status that HTTP does not have';
  const isKnown = coding === undefined || (typeof coding === 'string' && coding.toLowerCase() === 'chunked');
  return isKnown ? undefined : 'sent a response whose end cannot be known';
}
