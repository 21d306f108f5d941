// The abort of one piece of work at its deadline, or when one of its callers aborts.
// `AbortSignal.any` is not used: only the garbage collector frees the signal that it makes, and its timer
// would run on after the work is done. The work disposes of a cancellation when it ends.
import { type AbortListener, type AbortSource, OwnAbort, SignalAbort } from '../abort-source.js';
import type { Deadline } from '../deadline.js';
import { DeadlineExceededError } from '../errors.js';

export interface Cancellation {
  readonly deadline: Deadline;
  /**
   * Aborts with DeadlineExceededError at the deadline, or with the reason of the source that aborted first.
   */
  readonly abort: AbortSource;
  /** The signal of `abort`. Reading it may create it. */
  readonly signal: AbortSignal;
  /** Call when the work has met its deadline and goes on: from now on only the sources abort it. */
  met(): void;
  /** Call when the work has ended, in whatever way. */
  readonly dispose: () => void;
}

/** The longest delay of a timer of Node, 24.8 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export function cancelAt(
  deadline: Deadline,
  sources: readonly (AbortSource | AbortSignal | undefined)[] = [],
): Cancellation {
  const work = new WorkAbort(deadline, sources);
  work.end();
  return work;
}

/** Does the same without a timer, as long as one of the sources aborts at the deadline by itself. */
export function cancelWith(
  deadline: Deadline,
  sources: readonly (AbortSource | AbortSignal | undefined)[],
): Cancellation {
  return new WorkAbort(deadline, sources);
}

class WorkAbort implements Cancellation {
  readonly abort = new OwnAbort();
  readonly deadline: Deadline;
  readonly #followers: Follower[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isMet = false;

  constructor(deadline: Deadline, sources: readonly (AbortSource | AbortSignal | undefined)[]) {
    this.deadline = deadline;
    for (const source of sources) if (source !== undefined) this.#follow(source);
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  #follow(given: AbortSource | AbortSignal): void {
    const source = given instanceof AbortSignal ? new SignalAbort(given) : given;
    if (source.aborted) this.abort.abort(source.reason);
    else this.#followers.push(new Follower(source, this));
  }

  /** Ends the work at the deadline, by a timer of its own. */
  end(): void {
    if (this.#timer === undefined && !this.#isMet && !this.abort.aborted) this.#await();
  }

  #await(): void {
    const left = Math.ceil(this.deadline.remainingMs());
    if (left <= 0) this.abort.abort(new DeadlineExceededError());
    else if (left < Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#await(), Math.min(left, MAX_TIMER_MS));
  }

  met(): void {
    this.#isMet = true;
    clearTimeout(this.#timer);
  }

  readonly dispose = (): void => {
    clearTimeout(this.#timer);
    for (const follower of this.#followers) follower.end();
    this.#followers.length = 0;
  };
}

/** Passes the abort of a source on to the work. */
class Follower implements AbortListener {
  older: AbortListener | undefined;
  newer: AbortListener | undefined;
  readonly #source: AbortSource;
  #work: WorkAbort | undefined;

  constructor(source: AbortSource, work: WorkAbort) {
    this.#source = source;
    this.#work = work;
    source.listen(this);
  }

  onAbort(reason: unknown): void {
    this.#work?.abort.abort(reason);
  }

  onUnbounded(): void {
    this.#work?.end();
  }

  end(): void {
    if (this.#work === undefined) return;
    this.#work = undefined;
    this.#source.unlisten(this);
  }
}
