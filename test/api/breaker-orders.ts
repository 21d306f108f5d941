// The messages between the threads of standalone-breaker.test.ts.

export const SETTINGS = { minimumCalls: 20, openMs: 100, probes: 3, slowCallMs: 60_000 };

/** Fail one call; begin as many calls as are admitted, without an end; end those calls successfully. */
export type Order = 'fail' | 'hold' | 'release';

export interface Told {
  readonly code?: string;
  readonly held?: number;
}
