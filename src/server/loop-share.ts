// How long sources of streamed responses may keep the event loop of a thread. A source that is never short of
// pieces, be they small or empty, would otherwise run in microtasks alone, and nothing else of the worker
// would.
import { performance } from 'node:perf_hooks';

/** For all sources of the thread together, in one turn of the loop. */
const SHARE_MS = 5;

/**
 * Of this turn; undefined until a source gives its first piece in it. There is one event loop per thread, and
 * so one share.
 */
let share: { readonly begunAt: number; readonly nextTurn: Promise<void> } | undefined;

/**
 * To be asked before every piece.
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
