// The requests that an App is serving: a list through the requests themselves, so that one more and one less
// are a few pointer writes and nothing is allocated. Every request takes this way, so it is not the
// LinkedList of all others: V8 makes one add and one remove 7 ns where all entries are of one class, and 40
// ns where they are of six.
import type { HttpError } from '../errors.js';

export interface LiveRequest {
  /** Neighbours in the list; the list's alone. */
  older: LiveRequest | undefined;
  newer: LiveRequest | undefined;
  /** On `performance.now()`. */
  readonly startedAt: number;
  /** Its synchronous part has begun and not ended: the callback of the socket cannot return before. */
  readonly onStack: boolean;
  /** Its answer is a stream of events, which ends with the connection or the worker and may end anywhere. */
  readonly isEndless: boolean;
  /** Its response is complete: only its handler goes on. */
  readonly isAnswered: boolean;
  /** Ends it, whatever its handler does; it removes itself. */
  abandon(error: HttpError): void;
  /** As `abandon`, of a request whose code was ended from outside: gives back what its work holds, too. */
  interrupt(error: HttpError): void;
}

export class LiveRequests {
  #newest: LiveRequest | undefined;

  /** Those that have no complete response yet, or whose client has left while they were served. */
  get unanswered(): number {
    let count = 0;
    for (let one = this.#newest; one !== undefined; one = one.older) if (!one.isAnswered) count++;
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
    // Whoever keeps a request must not keep all that lived beside it.
    request.older = undefined;
    request.newer = undefined;
  }

  /** Newest first: a request that this worker sent to itself comes before its caller. */
  all(): LiveRequest[] {
    const living: LiveRequest[] = [];
    for (let one = this.#newest; one !== undefined; one = one.older) living.push(one);
    return living;
  }

  /**
   * Ends these, not what they set off when they are told; those that have ended by themselves are left alone.
   * @param failed told what ending one of them throws; the others are ended all the same
   */
  end(
    these: readonly LiveRequest[],
    how: 'abandon' | 'interrupt',
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
