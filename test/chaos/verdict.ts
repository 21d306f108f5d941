// Judges the outcome of a request by the costs that docs/cluster.md allows for a fault. Any other cost is a
// broken promise.
//
// - A crash costs no request: the worker finishes those that it has.
// - An endless loop costs its own request: 500 HANDLER_STALLED. When it runs behind an await or in a timer,
//   V8 drops the continuations that were queued after it, so other requests in flight on that worker may get
//   the same response.
// - A native stall, a growing heap, a reload, SIGHUP and clients that disconnect cost nothing.
// - A 503 that proves `executed: false` is a refusal. It is correct while no worker serves.
// - A connection that is idle when the drain of its worker ends is closed: RFC 9112 section 9.5. The shortest
//   drain is that after an uncaught exception.
//
// On the core `node`, whose workers listen themselves:
// - A thread that is stalled in native code is terminated, so its connections are closed.
// - The kernel resets connections that a listener has not accepted when it closes.

import { RESTART_LIMITS } from '#src/cluster/restarts.js';
import { CORE } from '#test/support/core.js';

export interface Attempt {
  /** Times in milliseconds of one clock. */
  readonly sentAt: number;
  readonly endedAt: number;
  /** Status of the response; 0: there was none, and `code` is the reason. */
  readonly status: number;
  readonly code: string | undefined;
  /** Whether the response has `x-multilane-executed: false`. */
  readonly notExecuted: boolean;
  /** Time since the last response on this connection; 0 for its first request. */
  readonly idleMs: number;
  /** Thread that serves the connection; undefined: unknown. */
  readonly thread: number | undefined;
}

/** The time in which a stall may affect other requests of its worker. */
export interface Blast {
  readonly thread: number;
  /** Whether the stall ends its thread, with all its connections. */
  readonly isDeadly: boolean;
  readonly from: number;
  /** End of that time; Infinity while the stalling request has no response. */
  to: number;
}

/** The longest time after an interruption until affected requests get a response, by docs/cluster.md. */
export const AFTERMATH_MS = 1_000;
/** The shortest drain, minus a tolerance for the network and for two clocks. */
const IDLE_MS = RESTART_LIMITS.failedDrainMs - 100;

export type Verdict =
  | 'answered'
  | 'stalled beside it'
  | 'ended with its thread'
  | 'not accepted'
  | 'refused (503)'
  | 'was idle'
  | 'unexplained';

export function verdictOf(attempt: Attempt, blasts: readonly Blast[], core = CORE): Verdict {
  const { status, code, sentAt, endedAt, thread } = attempt;
  if (status === 200) return 'answered';
  if (status === 503 && attempt.notExecuted) return 'refused (503)';
  const hits = blasts.filter(
    (blast) =>
      blast.from <= endedAt && blast.to >= sentAt && (thread === undefined || thread === blast.thread),
  );
  if (status === 0 && hits.some(({ isDeadly }) => isDeadly)) return 'ended with its thread';
  if (status === 0 && code === 'closed') {
    if (attempt.idleMs >= IDLE_MS) return 'was idle';
    if (core === 'node' && thread === undefined) return 'not accepted';
  }
  return status === 500 && code === 'HANDLER_STALLED' && hits.some(({ isDeadly }) => !isDeadly)
    ? 'stalled beside it'
    : 'unexplained';
}
