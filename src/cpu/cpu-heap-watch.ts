// Ends tasks of the CPU pool that use too much heap. V8 has a limit of its own for each thread, but that is
// no protection: V8 ends the thread when it reaches the limit in small steps, and the whole process when one
// allocation (the growth of a large Map, a large array) is more than what is left. So a task is ended before.
//
// The bytes in use include garbage, and from outside V8 cannot be made to collect it. So a task is ended only
// when its live objects exceed the limit for certain: when it uses more than V8 lets any garbage grow to.
// What the thread used before the task is not counted.
//
// Node.js can tell the heap of a thread that never returns to its event loop since 22.16; before that, only
// V8's limit and the deadline of the task end it.

const EVERY_MS = 100;
const MIB = 1024 * 1024;
/**
 * V8 collects when a heap has grown to 4 times of what the last collection left, and may exceed that by half
 * until it has finished. The rest is for the young generation.
 */
const MOST_GROWTH = 8;

interface HeapStatistics {
  readonly used_heap_size: number;
  readonly heap_size_limit: number;
}

/** The member of a thread by which its heap is read; absent in Node.js 20. */
export interface WatchedThread {
  getHeapStatistics?(): Promise<HeapStatistics>;
}

/** A run of a task. */
export interface WatchedRun {
  /** Undefined until the task has begun. */
  readonly thread: WatchedThread | undefined;
  /** MiB of heap that were in use before the task. */
  readonly heapMbBefore: number;
}

export interface HeapWatchOptions<R extends WatchedRun> {
  /** MiB of JavaScript heap that a task may use. */
  readonly heapMb: number;
  /** The runs that have not ended. */
  readonly runs: () => Iterable<R>;
  /** A task uses more. It is called once for each run. */
  readonly exceeded: (run: R) => void;
}

export class HeapWatch<R extends WatchedRun> {
  readonly #options: HeapWatchOptions<R>;
  /** Runs of which the thread is being asked, or that were reported. */
  readonly #skipped = new WeakSet<R>();
  /** Runs that used too much at the previous look. */
  readonly #suspected = new WeakSet<R>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: HeapWatchOptions<R>) {
    this.#options = options;
    this.#timer = setInterval(() => void this.check(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asks the thread of every run for the size of its heap. Resolves when all that can have answered. */
  async check(): Promise<void> {
    await Promise.all([...this.#options.runs()].map((run) => this.#checkRun(run)));
  }

  async #checkRun(run: R): Promise<void> {
    if (run.thread === undefined || this.#skipped.has(run)) return;
    this.#skipped.add(run);
    const isOver = await this.#exceeds(run, run.thread);
    const hasEnded = ![...this.#options.runs()].includes(run);
    if (hasEnded) return;
    if (isOver && this.#suspected.has(run)) {
      this.#options.exceeded(run);
      return;
    }
    this.#skipped.delete(run);
    if (isOver) this.#suspected.add(run);
    else this.#suspected.delete(run);
  }

  /** False when it cannot be known: the thread has ended, or Node.js is too old. */
  async #exceeds({ heapMbBefore }: R, thread: WatchedThread): Promise<boolean> {
    const heap = await thread.getHeapStatistics?.().catch(() => undefined);
    if (heap === undefined) return false;
    const allowedMb = this.#options.heapMb + heapMbBefore;
    return heap.used_heap_size / MIB > certainMb(allowedMb, heap.heap_size_limit / MIB);
  }
}

/**
 * The MiB in use from which on the live objects of a heap are larger than `liveMb`. There are two bounds.
 * V8 collects at the latest when a heap has grown by a factor (`MOST_GROWTH`), and at half of the way from
 * what the last collection has left to V8's limit; it may exceed the latter by half of the rest.
 */
export const certainMb = (liveMb: number, v8LimitMb: number): number =>
  Math.min(MOST_GROWTH * liveMb, (3 * v8LimitMb + liveMb) / 4);
