/**
 * Ends an attempt to connect that takes too long. While the thread was busy, the connection may have been
 * made without anything having read so: what has come meanwhile is read before the attempt ends.
 */
export class ConnectLimit {
  readonly #timer: NodeJS.Timeout;
  #behindEvents: NodeJS.Immediate | undefined;

  /** It does not keep the process alive. @param end called after `ms` milliseconds, unless it was lifted */
  constructor(ms: number, end: () => void) {
    this.#timer = setTimeout(() => {
      this.#behindEvents = setImmediate(end).unref();
    }, ms).unref();
  }

  /** Call when the attempt has ended. */
  lift(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#behindEvents);
  }
}
