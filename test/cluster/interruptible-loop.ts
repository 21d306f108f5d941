// A thread of a test that may be broken off whenever its loop has not turned for so long.
import { AsyncLocalStorage } from 'node:async_hooks';
import { parentPort } from 'node:worker_threads';
import { allowInterrupts } from '#src/cluster/interruptible.js';

const BEAT_MS = 5;

/** @returns a storage of the thread, which what is broken off leaves */
export function interruptible<T>(standsMs: number): AsyncLocalStorage<T | undefined> {
  const storage = new AsyncLocalStorage<T | undefined>();
  let turned = performance.now();
  let beat: NodeJS.Timeout | undefined;
  const turn = (): void => {
    turned = performance.now();
  };
  const begin = (): void => {
    turn();
    clearInterval(beat);
    beat = setInterval(turn, BEAT_MS);
  };
  begin();
  // An interval that is itself broken off never comes back, and the thread would seem to stand for ever.
  parentPort?.on('message', begin);
  const isStalled = (): boolean => performance.now() - turned >= standsMs;
  allowInterrupts({
    isStalled,
    examine() {
      if (!isStalled()) return undefined;
      turned = performance.now(); // what runs next in this turn of the loop has not been standing
      storage.enterWith(undefined);
      return { where: 'elsewhere' };
    },
  });
  return storage;
}
