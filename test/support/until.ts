// Polls a value that no event announces. The pace leaves the cores, which the tests share, to the tested
// process: the pause is a twentieth of the time that has passed, within bounds.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

const LEAST_PAUSE_MS = 20;
const MOST_PAUSE_MS = 50;

/**
 * Calls `ask` until `good` accepts its result, and returns that.
 * @throws Error after `ms`, with the last result
 */
export async function until<T>(
  ask: () => Promise<T> | T,
  good: (response: T) => boolean,
  ms = 40_000,
): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const response = await ask();
    if (good(response)) return response;
    const passed = performance.now() - begun;
    if (passed > ms) throw new Error(`still not after ${ms} ms: ${inspect(response)}\n${String(good)}`);
    await sleep(Math.min(Math.max(passed / 20, LEAST_PAUSE_MS), MOST_PAUSE_MS));
  }
}
