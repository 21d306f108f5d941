// Follows threads that were ordered to end until they have ended. JavaScript is interrupted at once, whatever
// it does. Native code is not: a thread that waits for a child process (`execSync`), or is in a long native
// call, ends only when that returns. `process.exit` would wait for such a thread, so the primary must know of
// it.
import type { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { withAllowance } from '../allowance.js';
import type { TaskFields } from './pool-task.js';

export interface EndingThread {
  readonly cpuThread: number;
  /** The task that it ran; undefined when it ran none. */
  readonly task: string | undefined;
}

/** A thread that has not ended after this long is in native code. */
const NATIVE_MS = 1_000;

export class EndingThreads {
  readonly #log: Logger;
  readonly #threads = new Map<Worker, EndingThread>();
  readonly #ended: () => void;
  #allEnded: (() => void) | undefined;

  /** @param ended called for each thread that has ended */
  constructor(log: Logger, ended: () => void) {
    this.#log = log;
    this.#ended = ended;
  }

  get size(): number {
    return this.#threads.size;
  }

  get all(): readonly EndingThread[] {
    return [...this.#threads.values()];
  }

  /** @param thread was ordered to end just now @param fields of its task; undefined when it ran none */
  add(thread: Worker, fields: TaskFields | undefined): void {
    const status = { cpuThread: thread.threadId, task: fields?.task };
    this.#threads.set(thread, status);
    const native = setTimeout(() => {
      this.#log.error(
        { ...fields, ...status },
        `CPU thread ${status.cpuThread} has not ended: it is in native code`,
      );
    }, NATIVE_MS).unref();
    thread.once('exit', () => {
      clearTimeout(native);
      this.#threads.delete(thread);
      this.#ended();
      if (this.size === 0) this.#allEnded?.();
    });
  }

  /** Resolves when all threads have ended, at the latest after `withinMs`. */
  async settled(withinMs: number): Promise<void> {
    if (this.size === 0) return;
    await withAllowance(withinMs, new Promise<void>((resolve) => (this.#allEnded = resolve)));
  }
}
