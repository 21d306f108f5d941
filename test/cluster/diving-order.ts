// The orders for diving-thread.ts.

/** Where the code runs: called by Node.js, behind an await, or in a timer. */
export const WAYS = ['directly', 'behind an await', 'in a timer'] as const;

export type DiveOrder = (typeof WAYS)[number] | 'ping';
