// Bounds how long the sources of streamed responses may occupy the event loop of a thread. A source that
// always has a next piece, even a small or empty one, would otherwise run in microtasks alone, and no other
// work of the worker would run.
import { performance } from 'node:perf_hooks';

/** Time for all sources of the thread together in one turn of the event loop. */
const SHARE_MS = 5;

/**
 * The share of this turn; undefined until a source yields its first piece in it. A thread has one event loop,
 * and so one share.
 */
let share: { readonly begunAt: number; readonly nextTurn: Promise<void> } | undefined;

/**
 * Call before every piece.
 * @returns undefined while the share of this turn lasts; then a promise that resolves in the next turn
 */
export function shareSpent(): Promise<void> | undefined {
  if (share !== undefined) return performance.now() - share.begunAt < SHARE_MS ? undefined : share.nextTurn;
  const nextTurn = new Promise<void>((resolve) => {
    setImmediate(() => {
      share = undefined;
      resolve();
    });
  });
  share = { begunAt: performance.now(), nextTurn };
  return undefined;
}
