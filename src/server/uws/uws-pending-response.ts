// A pending response: it is complete for the client, while the core still waits for its end.
//
// A small response is written like this when it announces the end of its connection and the body of its
// request has not arrived completely. The client may send the whole body before it reads the response. So the
// core goes on reading and drops the rest of the body. Because the response is pending for the core, it
// closes the connection as soon as another request begins. A refusal in the middle of a packet that must not
// be read further is written in the same way, and its connection is cut at once.
//
// The idle time-out of the core does not close every connection, and one that nothing closes would stay open
// for ever:
// - the time-out starts only with a response that is complete for the core. So the exchange closes the
//   connection of a pending response itself, after LINGER_MS;
// - it does not start when `endWithoutBody` is called with a length. So Content-Length is written as a field,
//   with the length of `announcedLength`;
// - it stops at the end of a request body that is read after its response. So a body is not read after a
//   response that is complete for the core.
import { httpDate } from '../response/http-date.js';
import type { CoreResponse } from './uws-core.js';

/** These responses have no body, whatever their method. */
export const isEmpty = (status: number): boolean => status === 204 || status === 304;

/**
 * @returns the length to announce of the body that a GET would get; undefined when there is none to announce
 */
export function announcedLength(status: number, body: string | Uint8Array | null): number | undefined {
  return body === null || isEmpty(status) ? undefined : Buffer.byteLength(body);
}

const CORK_BYTES = 16 * 1024;
/**
 * Appends 16 KiB of blanks to a JSON document, which may end with blanks (RFC 8259 section 2). The core keeps
 * up to 16 KiB of responses in its cork and drops them when the connection is closed before the cork ends. A
 * larger response is written to the socket at once.
 */
export function beyondCork(body: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(body), Buffer.alloc(CORK_BYTES, ' ')]);
}

/**
 * Writes the last fields of a response, and its body within the value of the field `Connection`, so that the
 * core does not notice that the response is complete. The core adds a line end: it ends the head of a
 * response without a body, and behind a body the client skips it.
 */
export function writePending(
  res: CoreResponse,
  status: number,
  isBodiless: boolean,
  body: string | Uint8Array | null,
): void {
  const size = isBodiless ? announcedLength(status, body) : Buffer.byteLength(body ?? '');
  res.writeHeader('Date', httpDate(Date.now()));
  if (size !== undefined) res.writeHeader('Content-Length', String(size));
  const rest = isBodiless || size === 0 ? [] : [Buffer.from('\r\n'), Buffer.from(body ?? '')];
  res.writeHeader('Connection', Buffer.concat([Buffer.from('close\r\n'), ...rest]));
}
