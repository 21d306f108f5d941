// A thread of a test that may be broken off whenever its loop has not turned for so long.
import { AsyncLocalStorage } from 'node:async_hooks';
import { allowBreakOff } from '#src/cluster/break-off.js';

const BEAT_MS = 5;

/** @returns a storage of the thread, which what is broken off leaves */
export function breakable<T>(standsMs: number): AsyncLocalStorage<T | undefined> {
  const storage = new AsyncLocalStorage<T | undefined>();
  let turned = performance.now();
  setInterval(() => {
    turned = performance.now();
  }, BEAT_MS);
  const isStanding = (): boolean => performance.now() - turned >= standsMs;
  allowBreakOff({
    isStanding,
    examine() {
      if (!isStanding()) return undefined;
      turned = performance.now(); // what runs next in this turn of the loop has not been standing
      storage.enterWith(undefined);
      return { where: 'elsewhere' };
    },
  });
  return storage;
}
