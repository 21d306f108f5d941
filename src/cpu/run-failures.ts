// Why a thread has not run a task to its end.
import { HttpError, UnavailableError } from '../errors.js';
import type { ThreadRun } from './thread-run.js';

/**
 * Piscina could not be loaded: the reason is the cause. No task has run. A later task tries again, which may
 * be in vain until a restart: Node.js remembers that a package was not there.
 */
export class PoolNotLoadedError extends HttpError {
  constructor(cause: unknown) {
    super('INTERNAL', 'The pool of CPU threads could not be loaded.', { cause });
  }
}

/** The heap of the thread was too large, so it has ended. */
export class OutOfHeapError extends Error {
  constructor(cause: unknown) {
    super('the heap of the thread was too large', { cause });
  }
}

/** The system has refused a thread. The task has not run. */
export class ThreadRefusedError extends UnavailableError {
  constructor(cause: unknown) {
    super(
      'OVERLOADED',
      'The system has no thread for a CPU task: its limit of threads is reached.',
      1,
      cause,
    );
  }
}

/** The thread goes on with what an earlier task has left behind. The task has not run. */
export class ThreadBusyError extends UnavailableError {
  /** @param cause how the thread has ended */
  constructor(cause?: unknown) {
    const detail = 'A CPU thread did not begin a task: it was kept by what an earlier one had left.';
    super('OVERLOADED', detail, 1, cause);
  }
}

/** The thread of a task could not start: the cause says why. The task has not run. */
export class UnstartedError extends Error {
  constructor(cause: unknown) {
    super('the thread could not start', { cause });
  }
}

const codeOf = (thrown: unknown): unknown =>
  thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;

/**
 * Whether a thread that was there has ended by itself. When it has not begun its task, what an earlier one
 * had left behind has ended it.
 */
const hasDied = (error: unknown): boolean =>
  codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY' ||
  /^worker exited with code/.test(String((error as Error).message));

/** What the failure of a run means. */
export function reasonOf(run: ThreadRun, error: unknown): unknown {
  const { startFailure } = run;
  if (startFailure instanceof ThreadBusyError) return startFailure;
  if (startFailure !== undefined) return new UnstartedError(startFailure);
  if (hasDied(error) && run.cancel()) return new ThreadBusyError(error);
  if (run.isOutOfHeap || codeOf(error) === 'ERR_WORKER_OUT_OF_MEMORY') return new OutOfHeapError(error);
  if (codeOf(error) !== 'ERR_WORKER_INIT_FAILED' || !run.cancel()) return error;
  // Piscina would keep the task, and run it when it has a thread.
  run.endThread();
  return new ThreadRefusedError(error);
}
