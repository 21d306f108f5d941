// Threads that do not do what they were ordered to, and are ended by force. Only threads without an HTTP core
// may be (`mayTerminate`), once they have loaded; the others are left to their deadlines.
import type { Logger } from 'pino';
import { Allowance } from '../allowance.js';
import type { WorkerThread } from './worker-thread.js';
import type { Workers } from './workers.js';

/** How long beyond its drain a thread may take at a stop, in milliseconds, before it is terminated. */
const STOP_GRACE_MS = 600;

/** The thread has not given up its port, which its successor needs. */
export function endPortHolder(thread: WorkerThread, log: Pick<Logger, 'error'>): void {
  log.error(fieldsOf(thread), 'worker does not give up its port to its successor; ending it');
  thread.retireReason ??= 'wedged';
  thread.retire(0, true);
  // The end of a thread that runs native code is awaited by its deadline.
  if (mayEnd(thread)) void thread.terminate();
}

/**
 * Terminates the threads that have not ended soon after the drain of a stop.
 * @returns call it when the stop has ended
 */
export function terminateLate(
  workers: Pick<Workers, 'living'>,
  drainMs: number,
  log: Pick<Logger, 'error'>,
): () => void {
  const allowance = new Allowance(drainMs + STOP_GRACE_MS, () => {
    for (const thread of workers.living.filter(mayEnd)) {
      log.error(fieldsOf(thread), 'worker has not ended after its drain; terminating it');
      void thread.terminate();
    }
  });
  return () => allowance.cancel();
}

const mayEnd = ({ mayTerminate, hasLoaded }: WorkerThread): boolean => mayTerminate && hasLoaded;

const fieldsOf = ({ worker, generation, state }: WorkerThread) => ({ worker, generation, state: state.kind });
