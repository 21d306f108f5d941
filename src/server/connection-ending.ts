// Decides what happens to a connection after a response, on both HTTP cores.
//
// On uWebSockets.js `end(body, true)` closes the connection. But when `write` was used before, that call puts
// a header field into the body, and neither `endWithoutBody` nor `tryEnd` can close a connection. So
// responses that are written by these carry `connection: close`. Because no further request may be executed,
// reading stops until the idle time-out of the core closes the connection. That is no harm when all bytes of
// the client have been read. While its body is under way, the body is read on (lingering.ts).

/**
 * `keep`: the connection stays. `cut`: the server closes it after the response. `announce`: the response
 * comes before the end of the request's body and carries `connection: close`; the connection is closed when
 * the body is complete.
 */
export type Ending = 'keep' | 'announce' | 'cut';

/**
 * A request body of at most this size that no handler reads is dropped by the core after the response, and
 * the connection stays.
 */
export const DISCARD_BYTES = 64 * 1024;
/**
 * A worker with more connections than its share closes some of them after responses up to this size. A larger
 * response takes long to send. Its connection would be counted as open until then, so the worker would close
 * more connections than necessary.
 */
const GIVE_UP_BYTES = 64 * 1024;

interface RequestBodyState {
  readonly isComplete: boolean;
  /** The pieces of the body are received by a handler. Otherwise the core drops them. */
  readonly isAttached: boolean;
}

/**
 * @param isLast nothing that follows the request on its connection may be executed
 * @param contentLength announced by the request
 * @param body of the request, undefined when there is none
 * @param close the response is to be the last one
 * @param bytes of the response
 */
export function endingOf(
  host: { givesUp(): boolean },
  isLast: boolean,
  contentLength: number,
  body: RequestBodyState | undefined,
  status: number,
  close: boolean,
  bytes: number,
): Ending {
  const isUnread = body !== undefined && !body.isComplete;
  // A client that still sends its body would lose the response when its connection is cut and therefore
  // reset. 408 means that the client sends nothing, so its connection can be cut.
  if (isUnread && status !== 408) {
    const isShort = contentLength <= DISCARD_BYTES && !body.isAttached;
    return isLast || close || !isShort ? 'announce' : 'keep';
  }
  return isLast || close || isUnread || (bytes <= GIVE_UP_BYTES && host.givesUp()) ? 'cut' : 'keep';
}
