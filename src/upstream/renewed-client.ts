// A connection in a pool of undici that is made again when it is old (connection-age.ts): its last request is
// sent with `Connection: close` (RFC 9112 section 9.6), and it is closed behind the response. There is no
// other request on it that could fail, and the pool has at no time more connections than it may.
import type { Client } from 'undici';
import { oldAt } from './connection-age.js';
import { mendedClient } from './mended-client.js';

/** @returns the option `factory` of a pool */
export const renewedAfter =
  (ageMs: number) =>
  (origin: URL, options: object): Client => {
    const client = mendedClient(origin, options);
    const dispatch = client.dispatch.bind(client);
    /** Infinity while there is no connection: the next request makes one, and must not close it. */
    let endsAt = Number.POSITIVE_INFINITY;
    client.on('connect', () => {
      endsAt = oldAt(ageMs);
    });
    client.on('disconnect', () => {
      endsAt = Number.POSITIVE_INFINITY;
    });
    client.dispatch = (request, handler) =>
      dispatch(performance.now() < endsAt ? request : { ...request, reset: true }, handler);
    return client;
  };
