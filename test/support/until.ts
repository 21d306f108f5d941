// What can only be seen by asking is asked for at this pace: two cores are shared with what is tested.
import { setTimeout as sleep } from 'node:timers/promises';

const PACE_MS = 25;

/**
 * Asks until the answer is good, and returns it; the last one when the time is over, for the test to show.
 */
export async function until<T>(
  ask: () => Promise<T> | T,
  good: (answer: T) => boolean,
  ms = 20_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (good(answer) || performance.now() > end) return answer;
    await sleep(PACE_MS);
  }
}
