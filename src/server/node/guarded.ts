// What Node.js calls must not throw: that would end the thread with all of its connections.

/** Ends one connection. */
interface Ended {
  destroy(): unknown;
}

/** Makes a listener whose failure ends only the connection that it concerns, with one line of the log. */
export type Guard = <A extends unknown[], R>(
  listener: (...args: A) => R,
  connectionOf: (...args: A) => Ended,
) => (...args: A) => R | undefined;

/** @param failed logs an error. Never throws */
export const guardOf =
  (failed: (error: unknown) => void): Guard =>
  (listener, connectionOf) =>
  (...args) => {
    try {
      return listener(...args);
    } catch (error) {
      failed(error);
      connectionOf(...args).destroy();
      return undefined;
    }
  };
