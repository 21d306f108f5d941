// The thread that watches the exit of the process: it kills the process when that hangs in its last moment.
// It shares a word with the thread that exits, which then answers to no message.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { blockThreadScript } from './block-thread.js';

/** The guard waits in pieces; of a pause of the process at most MAX_PIECE_MS are counted. */
const PIECE_MS = 50;
const MAX_PIECE_MS = 300;
/** The name of the thread. */
export const GUARD_NAME = 'multilane-guard';

/**
 * A thread that kills the process if it is still there after some time. While exit(3) runs, Node.js aborts
 * the process instead of doing anything for a thread; that ends the process as well.
 */
export class ExitGuard {
  /** Resolves once the thread runs its script, or cannot. Never rejects. */
  readonly started: Promise<void>;
  #isStarting = true;
  /** If it is not 0: the most milliseconds that are left from now on. */
  readonly #shorter = new Int32Array(new SharedArrayBuffer(4));

  /**
   * @param ms time until it kills the process; its start is part of that
   * @param leastMs the least of that time, counted from when it runs
   */
  constructor(ms: number, leastMs: number) {
    const script = `const { parentPort, workerData: shorter } = require('node:worker_threads');
      const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
      let leftMs = Math.max(${leastMs}, ${ms + Number(process.hrtime.bigint()) / 1e6} - nowMs());
      parentPort.postMessage('started');
      for (let atMs = nowMs(); leftMs > 0; ) {
        ${blockThreadScript(PIECE_MS)};
        leftMs -= Math.min(nowMs() - atMs, ${MAX_PIECE_MS});
        leftMs = Math.min(leftMs, Atomics.exchange(shorter, 0, 0) || leftMs);
        atMs = nowMs();
      }
      process.kill(process.pid, 'SIGKILL');`;
    this.started = this.#run(script).catch(() => undefined);
  }

  /** The system thread may exist, and does not run the script yet. */
  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** Reduces the time that is left to `ms`. */
  shortenTo(ms: number): void {
    Atomics.store(this.#shorter, 0, ms);
  }

  async #run(script: string): Promise<void> {
    try {
      const thread = new Worker(script, { eval: true, name: GUARD_NAME, workerData: this.#shorter });
      // `online` is too early: Node.js reports that before it compiles the script.
      await once(thread, 'message');
    } finally {
      this.#isStarting = false;
    }
  }
}
