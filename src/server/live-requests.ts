// The requests that an App is serving: a list through the requests themselves, so that one more and one less are a
// few pointer writes and nothing is allocated.
import type { HttpError } from '../errors.js';

export interface LiveRequest {
  /** Neighbours in the list; the list's alone. */
  older: LiveRequest | undefined;
  newer: LiveRequest | undefined;
  /** Ends it, whatever its handler does; it removes itself. */
  abandon(error: HttpError): void;
}

export class LiveRequests {
  #newest: LiveRequest | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(request: LiveRequest): void {
    const before = this.#newest;
    request.older = before;
    if (before !== undefined) before.newer = request;
    this.#newest = request;
    this.#size++;
  }

  remove(request: LiveRequest): void {
    const { older, newer } = request;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else this.#newest = older;
    // Whoever keeps a request must not keep all that lived beside it.
    request.older = undefined;
    request.newer = undefined;
    this.#size--;
  }

  /**
   * Ends those that live now, not what they set off when they are told.
   * @param failed told what ending one of them throws; the others are ended all the same
   */
  abandon(error: HttpError, failed: (cause: unknown) => void): void {
    const living: LiveRequest[] = [];
    // Newest first: a request that this worker sent to itself is answered before its caller gives it up.
    for (let one = this.#newest; one !== undefined; one = one.older) living.push(one);
    for (const request of living) {
      try {
        request.abandon(error);
      } catch (cause) {
        failed(cause);
      }
    }
  }
}
