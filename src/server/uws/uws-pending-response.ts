// A pending response: it is complete for the client, while the core still waits for its end.
//
// A response of known length is written like this when the body of its request has not arrived completely.
// The client may send the whole body before it reads the response, so the body is read on and dropped
// (lingering.ts). Because the response is pending for the core, it closes the connection as soon as
// another request begins. A refusal in the middle of a packet that must not be read further is written in the
// same way, and its connection is cut at once.
//
// A response of unknown length cannot be pending: its last chunk ends it for the core, too. So that chunk is
// held back while the client sends (`end` of the exchange).
//
// The idle time-out of the core does not close every connection, and one that nothing closes would stay open
// for ever:
// - the time-out starts only with a response that is complete for the core. So the exchange closes the
//   connection of a pending response itself;
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
export function writePending(res: CoreResponse, body: string | Uint8Array): void {
  const bytes = Buffer.from(body);
  const rest = bytes.length === 0 ? [] : [Buffer.from('\r\n'), bytes];
  writePendingHead(res, bytes.length, Buffer.concat([Buffer.from('close\r\n'), ...rest]));
}

/**
 * Writes the last fields of a response without a body.
 * @param length of the body that a GET would get; undefined when there is none to announce
 */
export function writePendingHead(
  res: CoreResponse,
  length: number | undefined,
  connection: string | Uint8Array = 'close\r\n',
): void {
  res.writeHeader('Date', httpDate(Date.now()));
  if (length !== undefined) res.writeHeader('Content-Length', String(length));
  res.writeHeader('Connection', connection);
}

/** Writes a part of a response of known length. @returns what `tryEnd` of the core returns */
export type SizedWrite = (
  res: CoreResponse,
  bytes: Uint8Array,
  length: number,
) => [isTaken: boolean, isComplete: boolean];

export const writeSized: SizedWrite = (res, bytes, length) => res.tryEnd(bytes, length);

/**
 * Like `writeSized`, but the response stays pending. The core regards a response as complete when it has
 * taken as many bytes as the last call announces, and tells the client the number of the first call. So the
 * last byte is written by a call that announces one more.
 *
 * A call without bytes would end the response for the core. So when that byte alone was not taken, there is
 * no first call, and a response of one byte is written as a whole.
 * @param length of the response, at least 1
 */
export const writeSizedPending: SizedWrite = (res, bytes, length) => {
  if (length === 1) {
    writePending(res, bytes);
    return [true, true];
  }
  const most = length - 1 - res.getWriteOffset();
  const [isTaken] = most === 0 ? [true] : res.tryEnd(bytes.subarray(0, most), length);
  if (!isTaken || bytes.length <= most) return [isTaken, false];
  const [isLastTaken] = res.tryEnd(bytes.subarray(most), length + 1);
  return [isLastTaken, isLastTaken];
};
