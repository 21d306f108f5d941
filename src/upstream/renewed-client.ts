// A connection in a pool of undici that is made again when it is old (connection-age.ts): its last request is
// sent with `Connection: close` (RFC 9112 section 9.6), and it is closed behind the response. There is no
// other request on it that could fail, and the pool has at no time more connections than it may.
import type { Client, Dispatcher } from 'undici';
import { Deadline } from '../deadline.js';
import { oldAt } from './connection-age.js';
import { mendedClient } from './mended-client.js';
import type { StrictConnector } from './strict-connect.js';

/** What the pool sends. The time for its connection depends on the deadline. */
export interface TimedRequest extends Dispatcher.DispatchOptions {
  readonly deadline: Deadline;
}

/** @returns the option `factory` of a pool, whose requests are `TimedRequest`s */
export const renewedAfter =
  (ageMs: number, connect: StrictConnector) =>
  (origin: URL, options: object): Client => {
    /**
     * That of the client's only request. Its connection may be opened later: undici does so in a microtask
     * for a body that is an iterable, and again when the connection is lost before the request was sent.
     */
    let deadline = Deadline.none;
    const client = mendedClient(origin, {
      ...options,
      connect: (...[target, callback]: Parameters<typeof connect>) => connect(target, callback, deadline),
    });
    const dispatch = client.dispatch.bind(client);
    /** Infinity while there is no connection: the next request makes one, and must not close it. */
    let endsAt = Number.POSITIVE_INFINITY;
    client.on('connect', () => {
      endsAt = oldAt(ageMs);
    });
    client.on('disconnect', () => {
      endsAt = Number.POSITIVE_INFINITY;
    });
    client.dispatch = (request, handler) => {
      deadline = (request as TimedRequest).deadline;
      return dispatch(performance.now() < endsAt ? request : { ...request, reset: true }, handler);
    };
    return client;
  };
