// When something began, on the wall clock as it goes now: once the clock is set back, the start that was read
// first is too late, and may lie in the future.

/** A wall clock that has lost less against the monotonic one was not set: it is adjusted in small steps. */
const SET_MS = 1_000;

/**
 * @param first the start by the clock of that time, in milliseconds since 1970
 * @returns a function of the wall clock and the time since the start. Its result stays the same until the
 *   clock is set back, because a collector takes another start for totals that begin anew. A clock that is
 *   set forward, or a machine that was suspended, leaves a start that is too early, which is no
 *   contradiction.
 */
export function wallStart(first: number): (at: number, ageMs: number) => number {
  let since = first;
  return (at, ageMs) => {
    const start = at - ageMs;
    if (start <= since - SET_MS || since > at) since = start;
    return since;
  };
}
