// Threads that were told to end and have not. JavaScript is interrupted at once, whatever it does. Native
// code is not: a thread that waits for a child process (`execSync`) or is in a long native call ends when
// that returns, and until then `process.exit` would wait for it.
import type { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { withAllowance } from '../allowance.js';

export interface EndingThread {
  readonly cpuThread: number;
  /** What it ran; undefined when it had nothing to do. */
  readonly task: string | undefined;
}

/** A thread that is not in native code has ended long before. */
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

  /** @param thread that was told to end just now */
  add(thread: Worker, task: string | undefined): void {
    const status = { cpuThread: thread.threadId, task };
    this.#threads.set(thread, status);
    const native = setTimeout(() => {
      this.#log.error(status, `CPU thread ${status.cpuThread} does not end: it is in native code`);
    }, NATIVE_MS).unref();
    thread.once('exit', () => {
      clearTimeout(native);
      this.#threads.delete(thread);
      this.#ended();
      if (this.size === 0) this.#allEnded?.();
    });
  }

  /** Resolves when all have ended, or after that time. */
  async settled(withinMs: number): Promise<void> {
    if (this.size === 0) return;
    await withAllowance(withinMs, new Promise<void>((resolve) => (this.#allEnded = resolve)));
  }
}
