// The `x-request-id` of requests that the primary serves itself: those of the admin plane, and those of the
// data plane that find no worker. They are few, so a UUID will do where the client has sent none.
import { randomUUID } from 'node:crypto';

const ACCEPTED = /^[A-Za-z0-9._-]{1,64}$/;

/** @param given what the client sent, if anything; kept when it is harmless in logs and headers */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && ACCEPTED.test(given) ? given : randomUUID();
}
