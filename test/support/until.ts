// Polls a value that no event announces. The pace leaves the cores, which the tests share, to the tested
// process.
import { setTimeout as sleep } from 'node:timers/promises';

const PACE_MS = 25;

/**
 * Calls `ask` until `good` accepts its result, and returns that; after `ms` the last result, for the test to
 * show.
 */
export async function until<T>(
  ask: () => Promise<T> | T,
  good: (response: T) => boolean,
  ms = 20_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const response = await ask();
    if (good(response) || performance.now() > end) return response;
    await sleep(PACE_MS);
  }
}
