// How many statements are sent to a session ahead of the one that the server works on. Quick statements gain
// by it, because the server never has to wait for the next one. But a statement that was sent can neither be
// taken back nor go to another session, so it is sent only if those before it are expected to be quick. All
// others wait in this process, where a session that becomes free finds them, and where a caller that gives up
// leaves nothing behind.

/**
 * The most work that a statement may have before it on its session, in milliseconds. With a higher limit,
 * statements of medium length need fewer sessions, but a statement that takes unexpectedly long delays more
 * of those behind it.
 */
export const PIPELINE_MS = 20;
/** The most statements under way on a session, however quick they are. */
const MAX_PIPELINED = 1_000;

/**
 * Whether one more statement may be sent to a session.
 * @param pending statements that were sent and have no response yet
 * @param owedMs time that they are expected to take
 * @param runningMs time that the server has worked on the first of them
 */
export function mayPipeline(pending: number, owedMs: number, runningMs: number): boolean {
  return pending === 0 || (pending < MAX_PIPELINED && owedMs <= PIPELINE_MS && runningMs <= PIPELINE_MS);
}

/**
 * A wait of this length, past or expected, makes a pool open more sessions. A shorter one may be a pause of
 * the server, which more sessions do not end.
 */
export const LONG_WAIT_MS = 100;

/**
 * Number of sessions that would carry out all waiting statements within LONG_WAIT_MS.
 * @param owedMs time that the statements are expected to take together
 */
export function sessionsNeeded(waiting: number, owedMs: number): number {
  return Math.min(waiting, Math.max(1, Math.ceil(owedMs / LONG_WAIT_MS)));
}
