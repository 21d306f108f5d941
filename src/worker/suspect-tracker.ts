// Finds out whether a stalled loop runs one piece of code for long, or many short callbacks one after the
// other. Nothing records when a continuation or the callback of a timer began, and thousands of them may have
// become due at once. So the loop is examined repeatedly. Code counts as long-running when two looks at the
// same turn of the loop find the same request, or outside of requests the same asynchronous context.
import { executionAsyncId } from 'node:async_hooks';

/**
 * Two looks belong to the same turn of the loop when the beginnings of their turns differ by less than this.
 */
const SAME_TURN_MS = 10;
/**
 * The most looks at one turn of the loop that may each find other code. The next look counts its code as
 * long-running in any case, so that short callbacks do not occupy the loop for ever.
 */
const MOST_SUSPECTS = 10;

interface Suspect {
  /** The request, or the number of the asynchronous context; undefined where neither is known. */
  readonly code: object | number | undefined;
  readonly foundAt: number;
  /** When this turn of the loop began. */
  readonly turnStartedAt: number;
  /** The number of looks at this turn so far that found other code than the look before. */
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
   * @param request that the code on the stack belongs to. Code without a request is identified by its
   *   asynchronous context. From Node.js 24 on continuations have none: then two looks never count as finding
   *   the same code
   * @returns whether the code that runs now is long-running
   */
  isStillRunning(request: object | undefined, now: number, turnStartedAt: number): boolean {
    const code = request ?? (this.#asyncId() || undefined);
    const last = this.#last;
    const isSameTurn = last !== undefined && Math.abs(last.turnStartedAt - turnStartedAt) < SAME_TURN_MS;
    if (isSameTurn && code !== undefined && last.code === code)
      return now - last.foundAt >= this.#stallMs / 4;
    const count = isSameTurn ? last.count + 1 : 1;
    const isOneTooMany = count > MOST_SUSPECTS;
    // When the code is interrupted, the count begins again, so that the code that follows in this turn is not
    // interrupted at the next look.
    this.#last = isOneTooMany ? undefined : { code, foundAt: now, turnStartedAt, count };
    return isOneTooMany;
  }
}
