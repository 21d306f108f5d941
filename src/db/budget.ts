// The budget of database connections: all pools of the process, in all workers, take their connections out of
// one number, DATABASE_POOL_MAX. This file is the contract; memory/database-budget keeps the budget in shared
// memory.

/** The budget as one pool uses it. */
export interface ConnectionBudget {
  /** Takes one connection out of the budget; false when there is none for this pool. */
  tryAcquire(): boolean;
  /** Returns a connection that was closed. */
  release(): void;
  /**
   * Returns a connection that the server did not grant. From then on `tryAcquire` is false for a moment,
   * unless another connection is released.
   */
  refused(): void;
  /**
   * Announces that this pool waits for a connection. It has to be repeated every few milliseconds while the
   * pool waits, so that the announcement of a thread that has died expires by itself.
   */
  announceWaiting(): void;
  /** Withdraws the announcement. */
  endWaiting(): void;
  /**
   * Undefined while no other pool waits in vain. Otherwise the number of connections that the poorest of the
   * waiting pools holds. A pool that holds more, or has an idle connection, closes one for that pool.
   */
  readonly poorestWaiting: number | undefined;
}
