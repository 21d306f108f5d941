// Connections are lent out of one budget for the whole process; memory/database-budget keeps it in shared
// memory.

/** One pool's hand on it. */
export interface ConnectionBudget {
  /** Takes one connection out of the budget; false when none is left for this pool. */
  tryAcquire(): boolean;
  release(): void;
  /**
   * Instead of `release`: the server granted no connection for it. `tryAcquire` is false for a moment then,
   * unless another one was released.
   */
  refused(): void;
  /** It waits: said again and again while it lasts, so that a lost waiter is forgotten by itself. */
  want(): void;
  /** It does not wait any more. */
  rest(): void;
  /**
   * What the poorest of the other pools holds that wait in vain, in whichever worker: who has something to
   * spare, or more than that, gives some up. Undefined when nobody waits.
   */
  readonly poorest: number | undefined;
}

/** A server that granted no more is asked again after this long. */
const ASK_AGAIN_MS = 500;

/** A budget for one pool alone, for programs without workers. */
export function localBudget(most: number): ConnectionBudget {
  let held = 0;
  let askAgainAt = 0;
  return {
    tryAcquire() {
      if (held >= most || performance.now() < askAgainAt) return false;
      held++;
      return true;
    },
    release() {
      held--;
      askAgainAt = 0;
    },
    refused() {
      held--;
      askAgainAt = performance.now() + ASK_AGAIN_MS;
    },
    want() {},
    rest() {},
    poorest: undefined,
  };
}
