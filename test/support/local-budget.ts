// A budget of database connections for a single pool, without shared memory.
import type { ConnectionBudget } from '#src/db/budget.js';

/** Time after which a server that granted no more connections is queried again. */
const RETRY_AFTER_MS = 500;

/** @param most connections */
export function localBudget(most: number): ConnectionBudget {
  let held = 0;
  let retryAt = 0;
  return {
    tryAcquire() {
      if (held >= most || performance.now() < retryAt) return false;
      held++;
      return true;
    },
    release() {
      held--;
      retryAt = 0;
    },
    refused() {
      held--;
      retryAt = performance.now() + RETRY_AFTER_MS;
    },
    announceWaiting() {},
    endWaiting() {},
    poorestWaiting: undefined,
  };
}
