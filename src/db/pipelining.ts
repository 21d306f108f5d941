// How many statements a session takes ahead of the one that the server is at. Quick statements gain by it:
// the server never waits for the next one. But what is sent can neither be taken back nor go elsewhere, so it
// is sent only where what is before it takes little. All others wait on our side, where a session that
// becomes free finds them, and where a caller that gives up leaves nothing behind.

/**
 * The most that a statement may have before it, in milliseconds. Higher: fewer sessions for statements of
 * medium length, and a statement that takes unexpectedly long delays more of those behind it.
 */
export const PIPELINE_MS = 20;
/** The most statements under way on a session, however quick they are. */
const MAX_PIPELINED = 1_000;

/**
 * Whether one more may be sent to a session.
 * @param pending statements sent and not answered
 * @param owedMs what they are expected to take
 * @param runningMs how long the server has been at the first of them
 */
export function mayPipeline(pending: number, owedMs: number, runningMs: number): boolean {
  return pending === 0 || (pending < MAX_PIPELINED && owedMs <= PIPELINE_MS && runningMs <= PIPELINE_MS);
}

/**
 * A wait of this length, past or expected, has more sessions opened. Shorter: a pause of the server does so,
 * too.
 */
export const LONG_WAIT_MS = 100;

/**
 * Sessions that would be done in that time with all statements that wait.
 * @param owedMs what they are expected to take together
 */
export function sessionsNeeded(waiting: number, owedMs: number): number {
  return Math.min(waiting, Math.max(1, Math.ceil(owedMs / LONG_WAIT_MS)));
}
