// What becomes of a connection behind a response.
//
// `end(body, true)` of the core closes the connection, but after `write` it would put a header field into the
// body, and neither `endWithoutBody` nor `tryEnd` can close. So those responses carry `connection: close`,
// and because nothing that follows may be executed, reading stops until the core times the connection out.
import type { ExchangeHost, Framing } from './uws-exchange-host.js';

/**
 * `keep`: the connection stays. `cut`: it is closed behind the response. `announce`: the response carries
 * `connection: close`, and the client closes.
 */
export type Ending = 'keep' | 'announce' | 'cut';

/** An unread body up to this size is read and dropped behind a response at once. */
export const DISCARD_BYTES = 64 * 1024;
/**
 * A worker with too many connections closes them behind responses up to this size. A larger response takes
 * its time, its connection would still be counted, and others would be closed in its place.
 */
const GIVE_UP_BYTES = 64 * 1024;

interface RequestBodyState {
  readonly isComplete: boolean;
  readonly isAttached: boolean;
}

/**
 * @param body of the request, undefined when there is none
 * @param close the response is to be the last one
 * @param bytes of the response
 */
export function endingOf(
  host: ExchangeHost,
  { isLast, contentLength }: Framing,
  body: RequestBodyState | undefined,
  status: number,
  close: boolean,
  bytes: number,
): Ending {
  if (isLast) return 'cut';
  const isUnread = body !== undefined && !body.isComplete;
  // A client that still sends would lose the response to the reset of a cut connection. So the end is
  // announced, and the core ends the connection within seconds. 408 means that the client sends nothing.
  if (isUnread && status !== 408) {
    const isShort = contentLength <= DISCARD_BYTES && !body.isAttached;
    return close || !isShort ? 'announce' : 'keep';
  }
  return close || isUnread || (bytes <= GIVE_UP_BYTES && host.givesUp()) ? 'cut' : 'keep';
}
