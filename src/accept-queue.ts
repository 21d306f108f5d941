// When a listener closes, the kernel resets the connections that it has completed and that were not accepted.
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A turn that is no longer than this is short. */
const SHORT_MS = 1;
/** So is one that is no longer than this part of the time waited: a busy loop may have no shorter ones. */
const SHORT_PART = 0.1;
/** The wait is part of a drain, and the next thread that listens on the port may wait for it as well. */
const USUAL_MS = 500;

/**
 * Resolves right behind a turn of the event loop that has accepted no connection, so that a listener can
 * close. Connections that the kernel completes after the poll of that turn are lost, so it waits for a turn
 * that is short. Node.js accepts one connection in a turn, so the wait may not end by itself.
 * @param accepted returns the number of connections that were accepted so far
 *   @default it is unknown, and taken for none
 * @param withinMs it ends with the first turn behind this time; a connection that waits even then is lost
 */
export async function acceptQueueEmpty(accepted = (): number => 0, withinMs = USUAL_MS): Promise<void> {
  const begun = performance.now();
  let before = accepted();
  let at = Number.NEGATIVE_INFINITY;
  for (;;) {
    await nextTurn();
    const now = performance.now();
    if (now - begun > withinMs) return;
    const isShort = now - at <= Math.max(SHORT_MS, (now - begun) * SHORT_PART);
    if (isShort && accepted() === before) return;
    before = accepted();
    at = now;
  }
}
