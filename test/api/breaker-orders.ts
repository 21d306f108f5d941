// What the threads of breaker.test.ts agree on.

export const SETTINGS = { minimumCalls: 20, openMs: 100, probes: 3, slowCallMs: 60_000 };

/** One failure; as much work at once as is let through, which does not end; the good end of that. */
export type Order = 'fail' | 'hold' | 'release';

export interface Told {
  readonly code?: string;
  readonly held?: number;
}
