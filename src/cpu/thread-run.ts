// A run of a task in a thread of the pool.
import type { Worker } from 'node:worker_threads';
import type { RunStatus } from '../memory/run-status.js';
import type { WatchedRun, WatchedThread } from './cpu-heap-watch.js';
import type { TaskFields } from './pool-task.js';

export interface ThreadRunOptions {
  readonly fields: TaskFields;
  readonly status: RunStatus;
  /** Aborting it ends the thread. */
  readonly controller: AbortController;
  /** The pool that has the thread. */
  readonly pool: { readonly threads: readonly Worker[] };
}

export class ThreadRun implements WatchedRun {
  /** The task, for the log. */
  readonly fields: TaskFields;
  /** The task was ended, because its heap was too large. */
  isOutOfHeap = false;
  /** Why the task has not begun: its thread could not start. */
  startFailure: unknown;
  readonly #options: ThreadRunOptions;

  constructor(options: ThreadRunOptions) {
    this.fields = options.fields;
    this.#options = options;
  }

  /** The thread that runs the task; undefined until it has begun. */
  get thread(): (Worker & WatchedThread) | undefined {
    const { status, pool } = this.#options;
    const { threadId } = status;
    return threadId === undefined ? undefined : pool.threads.find((thread) => thread.threadId === threadId);
  }

  /** What tells the task from others in Piscina. */
  get signal(): AbortSignal {
    return this.#options.controller.signal;
  }

  /** The task was taken back before any thread began it. */
  get isCancelled(): boolean {
    return this.#options.status.isCancelled;
  }

  get pool(): ThreadRunOptions['pool'] {
    return this.#options.pool;
  }

  get heapMbBefore(): number {
    return this.#options.status.heapMbBefore;
  }

  /** @returns whether the task has not begun and never will */
  cancel(): boolean {
    return this.#options.status.cancel();
  }

  /**
   * Takes the task back from the pool. A thread that has it is taken out of the pool, so that it gets no
   * other task, and is ended.
   */
  endThread(): void {
    this.#options.controller.abort();
  }
}
