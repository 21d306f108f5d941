// Connections are lent out of one budget for the whole process; memory/database-budget keeps it in shared memory.

export interface ConnectionBudget {
  /** Takes one connection out of the budget; false when none is left. */
  tryAcquire(): boolean;
  release(): void;
  /** Somebody waits: called again and again while it lasts, so that a lost waiter is forgotten by itself. */
  want(): void;
  /** Somebody waited moments ago: who has a connection to spare gives it up. */
  readonly contended: boolean;
}

/** A budget of one thread, for programs without workers. */
export function localBudget(most: number, now: () => number = () => performance.now()): ConnectionBudget {
  let held = 0;
  let wantedAt = Number.NEGATIVE_INFINITY;
  return {
    tryAcquire() {
      if (held >= most) return false;
      held++;
      return true;
    },
    release() {
      held--;
    },
    want() {
      wantedAt = now();
    },
    get contended() {
      return now() - wantedAt < 100;
    },
  };
}
