// The input of threads that hammer the database budget, and the words in which they report.

export interface BudgetHammering {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  readonly pools: number;
  readonly most: number;
  readonly seed: number;
  /** Words: stop, connections surely held, how often they were more than allowed, rounds of each slot. */
  readonly control: SharedArrayBuffer;
  /** False where threads are killed, since their counts are lost with them. */
  readonly counts: boolean;
}

export const [STOP, HELD, ABOVE, ROUNDS] = [0, 1, 2, 3] as const;
