// How long a thread has been seen without a heartbeat: a rule without a clock.

/**
 * The most that the time between two looks counts. If more time has passed, the process or the whole machine
 * was paused for the rest of it. The time also counts at most half of STALL_MS, so that one look alone never
 * makes a worker stalled.
 */
const MAX_WATCHED_MS = 100;

export interface Silence {
  readonly heartbeat: number;
  /** Milliseconds for which the heartbeat has been watched without a change. */
  readonly ms: number;
}

/**
 * @param silence the silence at the last look; undefined at the first one
 * @param heartbeat the heartbeat of this look
 * @param sinceLookMs milliseconds since the last look at any thread
 * @param stallMs STALL_MS
 */
export function silenceAfter(
  silence: Silence | undefined,
  heartbeat: number,
  sinceLookMs: number,
  stallMs: number,
): Silence {
  if (silence === undefined || silence.heartbeat !== heartbeat) return { heartbeat, ms: 0 };
  return { heartbeat, ms: silence.ms + Math.min(sinceLookMs, MAX_WATCHED_MS, stallMs / 2) };
}
