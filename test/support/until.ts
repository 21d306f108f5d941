// Polls a value that no event announces. The pace leaves the cores, which the tests share, to the tested
// process.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

const PACE_MS = 25;

/**
 * Calls `ask` until `good` accepts its result, and returns that.
 * @throws Error after `ms`, with the last result
 */
export async function until<T>(
  ask: () => Promise<T> | T,
  good: (response: T) => boolean,
  ms = 20_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const response = await ask();
    if (good(response)) return response;
    if (performance.now() > end)
      throw new Error(`still not after ${ms} ms: ${inspect(response)}\n${String(good)}`);
    await sleep(PACE_MS);
  }
}
