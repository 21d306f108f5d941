// The age limit of connections to instances. Behind the address of an instance there may be a load balancer:
// only new connections reach the servers that it has got since, and leave those that are to be shut down. So
// a connection that is old takes no more calls, and the next call uses another one. Calls that run are not
// affected. The age is compared where a call is sent, without a timer: a connection without calls is closed
// soon anyway.

/** Milliseconds for which a connection takes calls. */
export const CONNECTION_AGE_MS = 300_000;

/** The largest share by which a connection is old earlier: those made together do not end together. */
const JITTER = 0.2;

/**
 * @param mostMs Infinity: no limit @param random from 0 to 1
 * @returns the time by `performance.now()` at which a connection that is made now is old
 */
export const oldAt = (mostMs: number, random: () => number = Math.random): number =>
  performance.now() + mostMs * (1 - JITTER * random());
