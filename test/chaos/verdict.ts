// What a fault may cost, by docs/cluster.md; all else is a broken promise.
//
// - A crash costs nobody anything: the worker finishes what it has.
// - A loop costs its own request: 500 HANDLER_STALLED. Behind an await, or in a timer, V8 drops the
//   continuations that were queued behind it: so requests that were in flight on that worker may get the same
//   answer, no others.
// - A native stall, a growing heap, a reload, SIGHUP, clients that go away: nothing.
// - 503 that proves `executed: false` is a refusal. It is right while no worker serves.
// - A connection that is idle when the drain of its worker ends is closed: RFC 9112 section 9.5. The shortest
//   drain is that after an uncaught exception.

import { RESTART_LIMITS } from '#src/cluster/restarts.js';

export interface Attempt {
  /** Milliseconds of one clock. */
  readonly sentAt: number;
  readonly endedAt: number;
  /** 0: no answer, and `code` says how it ended. */
  readonly status: number;
  readonly code: string | undefined;
  /** The response carries `x-multilane-executed: false`. */
  readonly notExecuted: boolean;
  /** Time since the answer before on this connection; 0 for its first request. */
  readonly idleMs: number;
  /** Thread that the connection belongs to; undefined: not known. */
  readonly thread: number | undefined;
}

/** From the request that stalls a worker behind an await to the last answer that may still come of it. */
export interface Blast {
  readonly thread: number;
  readonly from: number;
  /** Infinity while it has no answer. */
  to: number;
}

/** How long after a break-off those who waited are answered at the latest, by docs/cluster.md. */
export const AFTERMATH_MS = 1_000;
/** The shortest drain, less what the network and two clocks need. */
const IDLE_MS = RESTART_LIMITS.failedDrainMs - 100;

export type Verdict = 'answered' | 'stalled beside it' | 'refused (503)' | 'was idle' | 'unexplained';

export function verdictOf(attempt: Attempt, blasts: readonly Blast[]): Verdict {
  const { status, code, sentAt, endedAt, thread } = attempt;
  if (status === 200) return 'answered';
  if (status === 503 && attempt.notExecuted) return 'refused (503)';
  if (status === 0 && code === 'closed' && attempt.idleMs >= IDLE_MS) return 'was idle';
  const isHit = blasts.some(
    (blast) =>
      blast.from <= endedAt && blast.to >= sentAt && (thread === undefined || thread === blast.thread),
  );
  return status === 500 && code === 'HANDLER_STALLED' && isHit ? 'stalled beside it' : 'unexplained';
}
