// What threads that hammer the database budget are told, and where they tell what they see.

export interface BudgetHammering {
  readonly memory: SharedArrayBuffer;
  readonly slot: number;
  readonly pools: number;
  readonly most: number;
  readonly seed: number;
  /** Words: stop, connections surely held, how often they were more than allowed, rounds of each slot. */
  readonly control: SharedArrayBuffer;
  /** False where threads are killed, with whom what they have counted is lost. */
  readonly counts: boolean;
}

export const [STOP, HELD, ABOVE, ROUNDS] = [0, 1, 2, 3] as const;
