// Makes a thread of a test interruptible whenever its loop has been stalled for a given time.
import { AsyncLocalStorage } from 'node:async_hooks';
import { parentPort } from 'node:worker_threads';
import { allowInterrupts } from '#src/cluster/interruptible.js';

const BEAT_MS = 5;

/** @returns a storage of the thread, whose store an interrupted callback leaves */
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
  // An interval that is interrupted itself never comes back, and the thread would appear to be stalled for
  // ever.
  parentPort?.on('message', begin);
  const isStalled = (): boolean => performance.now() - turned >= standsMs;
  allowInterrupts({
    isStalled,
    examine() {
      if (!isStalled()) return undefined;
      turned = performance.now(); // what runs next in this turn of the loop is not stalled yet
      storage.enterWith(undefined);
      return { where: 'elsewhere' };
    },
  });
  return storage;
}
