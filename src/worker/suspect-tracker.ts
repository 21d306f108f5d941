// Tells long-running code from short callbacks in a loop that is stalled. No one records when a continuation
// or the callback of a timer began, and thousands of them may have become due at once. So the loop is
// examined repeatedly: code counts as running for long when two looks at the same turn of the loop find the
// same request, or outside of requests the same asynchronous context.
import { executionAsyncId } from 'node:async_hooks';

/** Two readings of the start of one turn may differ by this much. */
const CLOCKS_MS = 10;
/**
 * Looks at one turn of the loop that each found other code. The next look counts as long-running whatever it
 * finds, so that short callbacks do not occupy the loop for ever.
 */
const MOST_SUSPECTS = 10;

interface Suspect {
  /** The request, or the number of the asynchronous context; undefined where neither is known. */
  readonly code: object | number | undefined;
  readonly foundAt: number;
  /** When this turn of the loop began. */
  readonly turnStartedAt: number;
  /** The number of looks at this turn that found other code before, plus 1. */
  readonly count: number;
}

export class SuspectTracker {
  readonly #stallMs: number;
  readonly #asyncId: () => number;
  #last: Suspect | undefined;

  constructor(stallMs: number, asyncId: () => number = executionAsyncId) {
    this.#stallMs = stallMs;
    this.#asyncId = asyncId;
  }

  /**
   * Records a look at the loop.
   * @param request that the code on the stack belongs to. Without one its asynchronous context identifies it,
   *   which continuations do not have from Node.js 24 on: each of these may be another one
   * @returns whether what runs now has run for long
   */
  isStillRunning(request: object | undefined, now: number, turnStartedAt: number): boolean {
    const code = request ?? (this.#asyncId() || undefined);
    const last = this.#last;
    const isSameTurn = last !== undefined && Math.abs(last.turnStartedAt - turnStartedAt) < CLOCKS_MS;
    if (isSameTurn && code !== undefined && last.code === code)
      return now - last.foundAt >= this.#stallMs / 4;
    const count = isSameTurn ? last.count + 1 : 1;
    const isOneTooMany = count > MOST_SUSPECTS;
    // After an interruption the count of this turn starts again, so that what follows in it is spared as
    // well.
    this.#last = isOneTooMany ? undefined : { code, foundAt: now, turnStartedAt, count };
    return isOneTooMany;
  }
}
