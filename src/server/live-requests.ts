// The requests that an App is serving, as a list that is linked through the requests themselves: adding and
// removing are a few pointer writes without an allocation. Every request is added, so this is not the
// LinkedList of all others: in V8 an addition and a removal cost 7 ns together where all entries have one
// class, and 40 ns where they have six.
import type { HttpError } from '../errors.js';

export interface LiveRequest {
  /** The neighbours in the list; only the list uses them. */
  older: LiveRequest | undefined;
  newer: LiveRequest | undefined;
  /** Time on the clock of `performance.now()`. */
  readonly startedAt: number;
  /** The synchronous part has begun and not ended: the callback of the socket cannot return before. */
  readonly onStack: boolean;
  /** The callback of the HTTP core that has brought it is running, so it is at the bottom of the stack. */
  readonly inCallback: boolean;
  /** Response and handler have ended. */
  readonly isOver: boolean;
  /**
   * The response is a stream of events. It ends with its connection or its worker, and has no end that its
   * client could miss.
   */
  readonly isEndless: boolean;
  /** The response is complete, and only the handler goes on. */
  readonly hasFullResponse: boolean;
  /** Ends the request, whatever its handler does. It removes itself from the list. */
  abandon(error: HttpError): void;
  /**
   * Ends a request whose code was interrupted: like `abandon`, and releases what its handler holds (`Hold`).
   */
  interrupt(error: HttpError): void;
  /** Ends a request that `LiveRequests.cutOff` has returned. */
  endCutOff(error: HttpError): void;
}

export class LiveRequests {
  #newest: LiveRequest | undefined;
  /** Requests that `cutOff` has returned. */
  readonly #cutOff = new WeakSet<LiveRequest>();

  /** Number of requests without a complete response, or whose client has left while they were served. */
  get inFlight(): number {
    let count = 0;
    for (let one = this.#newest; one !== undefined; one = one.older) if (!one.hasFullResponse) count++;
    return count;
  }

  add(request: LiveRequest): void {
    const before = this.#newest;
    request.older = before;
    if (before !== undefined) before.newer = request;
    this.#newest = request;
  }

  remove(request: LiveRequest): void {
    const { older, newer } = request;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else this.#newest = older;
    // An object that keeps this request must not keep its former neighbours.
    request.older = undefined;
    request.newer = undefined;
  }

  /** All requests, the newest first: a request that this worker sent to itself comes before its caller. */
  all(): LiveRequest[] {
    const living: LiveRequest[] = [];
    for (let one = this.#newest; one !== undefined; one = one.older) living.push(one);
    return living;
  }

  /**
   * The requests whose synchronous part, or whose end, was cut off before it was complete, each once. The
   * stack was full, or V8 has terminated the code (the timeout of `node:vm`), which runs no `finally`. Call
   * this directly in a callback of the event loop: then no request is on the stack that goes on.
   */
  cutOff(): LiveRequest[] {
    const found: LiveRequest[] = [];
    for (let one = this.#newest; one !== undefined; one = one.older) {
      if ((!one.onStack && !one.isOver) || this.#cutOff.has(one)) continue;
      this.#cutOff.add(one);
      found.push(one);
    }
    return found;
  }

  /**
   * Ends these requests, but none that they start while they end. A request that has ended by itself is left
   * alone.
   * @param failed called with what ending one of them has thrown; the others are ended all the same
   */
  end(
    these: readonly LiveRequest[],
    how: 'abandon' | 'interrupt' | 'endCutOff',
    error: HttpError,
    failed: (cause: unknown) => void,
  ): void {
    for (const request of these) {
      try {
        request[how](error);
      } catch (cause) {
        failed(cause);
      }
    }
  }
}
