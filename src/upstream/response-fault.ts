// What is wrong with the head of a response that no library refuses.
import type { IncomingHttpHeaders } from 'node:http';

/** An endpoint may send this many interim responses (1xx) before its response; they are dropped. */
export const MOST_INTERIM = 16;

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
