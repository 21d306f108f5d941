// The contract of a bulkhead's shared cells: permits that are counted over all threads, and the line of
// waiters for them. memory/bulkhead-cells.ts and memory/bulkhead-line.ts keep them in shared memory.

/** Permits of one bulkhead, counted over all threads. */
export interface Permits {
  /** Takes a permit. @returns false when `most` or more are held */
  enter(most: number): boolean;
  leave(): void;
  /** The number of permits held, in all threads. */
  readonly held: number;
  readonly line: WaitingLine;
}

/** The waiters for permits of one bulkhead, over all threads. */
export interface WaitingLine {
  /** Milliseconds of the clock that all threads share. */
  now(): number;
  /** Publishes how many wait in this thread, and since when the first of them has been waiting. */
  publish(since: number, waiters: number): void;
  /** Publishes that no caller waits in this thread. */
  clear(): void;
  /** @returns the number of waiters in other threads that come before one that has waited since then */
  ahead(since: number): number;
  /** Wakes the other thread whose first waiter has waited longest, if there is one. */
  ring(): void;
  /** Resolves when another thread has rung for this one. */
  rung(): Promise<void>;
}
