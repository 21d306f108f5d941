// Ends threads of the CPU pool whose heap has grown too large. V8 has a limit of its own for each thread, but
// that is no protection: V8 ends the thread when it reaches the limit in small steps, and the whole process
// when one allocation (the growth of a large Map, a large array) is more than what is left. So a thread is
// ended before. Node.js can tell the heap of a thread that never returns to its event loop since 22.16;
// before that, only V8's limit and the deadline of the task end it.
import type { Worker } from 'node:worker_threads';

const EVERY_MS = 100;
const MIB = 1024 * 1024;

/** The member of a thread by which its heap is read; absent in Node.js 20. */
export interface WatchedThread {
  getHeapStatistics?(): Promise<{ readonly used_heap_size: number }>;
}

export interface HeapWatchOptions<T extends object> {
  /** MiB of JavaScript heap that a thread may use. */
  readonly heapMb: number;
  /** The threads that may run tasks now. */
  readonly threads: () => readonly T[];
  /** A thread uses more. It is called once for each thread. */
  readonly exceeded: (thread: T) => void;
}

export class HeapWatch<T extends object> {
  readonly #options: HeapWatchOptions<T>;
  /** Threads that are being asked, or have been reported. */
  readonly #skipped = new WeakSet<T>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: HeapWatchOptions<T>) {
    this.#options = options;
    this.#timer = setInterval(() => void this.check(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks every thread for the size of its heap. Resolves when all that can have answered. */
  async check(): Promise<void> {
    await Promise.all(this.#options.threads().map((thread) => this.#checkThread(thread)));
  }

  async #checkThread(thread: T): Promise<void> {
    if (this.#skipped.has(thread)) return;
    this.#skipped.add(thread);
    const usedBytes = await usedHeap(thread);
    if (usedBytes > this.#options.heapMb * MIB) this.#options.exceeded(thread);
    else this.#skipped.delete(thread);
  }
}

/** 0 when it cannot be known: the thread has ended or is only starting, or Node.js is too old. */
async function usedHeap(thread: WatchedThread): Promise<number> {
  try {
    return (await thread.getHeapStatistics?.())?.used_heap_size ?? 0;
  } catch {
    return 0;
  }
}

/** Marks the exit of a thread that is ended for its heap, around the listener of Piscina. */
export function endForHeap(thread: Worker, mark: (isForHeap: boolean) => void): void {
  thread.prependOnceListener('exit', () => mark(true));
  // Piscina rejects the task in its own listener. What awaits it runs before this microtask.
  thread.once('exit', () => queueMicrotask(() => mark(false)));
  void thread.terminate();
}
