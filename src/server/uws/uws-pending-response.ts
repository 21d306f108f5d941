// A response that is complete for the client and pending for the core.
//
// A small response may overtake the body of its request and announce the end of the connection. The core then
// reads and drops the rest of the body, because the client may send all of it before it reads, and closes the
// connection where another request begins. Its clock does so as well, but only a response that the core takes
// for complete starts that clock. A response without a body whose length the core is told does not, so that
// field is written here; and the end of a body behind its response stops the clock, so such a body is not
// read. A connection that nothing ends would stay for ever.
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
 * Lengthens a JSON document by blanks, with which it may end (RFC 8259 section 2). The core gathers 16 KiB of
 * responses before it writes, and does not write them when it closes the connection; it writes more at once.
 */
export function beyondCork(body: string | Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(body), Buffer.alloc(CORK_BYTES, ' ')]);
}

/**
 * Writes the rest of the response as the value of its last field. The core puts a line end behind it, which a
 * client skips.
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
