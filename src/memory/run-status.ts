// The status of a run of a CPU task, in memory that the primary and the thread share. The thread writes it
// when it begins the task. So the primary knows at any time, without a message, which thread runs the task.

const MIB = 1024 * 1024;
/** In place of the thread: the task was cancelled before any thread began it. */
const CANCELLED = -1;
const MS_PER_S = 1e3;
const NS_PER_MS = 1e6;

/** The cells, of 8 bytes each. */
const THREAD = 0;
const BEGUN_AT = 1;
const HEAP = 2;
const IS_FIRST = 3;
const HELD_UP_BY = 4;
const HELD_UP_MS = 5;
const LAST_HELD_UP_BY = 6;
const LOAD_MS = 7;
const IS_LOADING = 8;
const ENTERED = 9;
const CELLS = 10;
/** Halves of a cell. */
const INTS = 2;

export type RunStatusMemory = SharedArrayBuffer;

export interface Beginning {
  readonly threadId: number;
  /** Bytes of heap in use. */
  readonly heapBytes: number;
  /** Whether it is the first task of its thread. */
  readonly isFirst: boolean;
}

export class RunStatus {
  readonly shared: RunStatusMemory;
  readonly #numbers: Float64Array;
  readonly #flags: Int32Array;

  constructor(shared: RunStatusMemory = new SharedArrayBuffer(CELLS * Float64Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#numbers = new Float64Array(shared);
    this.#flags = new Int32Array(shared);
  }

  /**
   * The thread begins the task.
   * @returns false when the task was cancelled: it must not run
   */
  begin({ threadId, heapBytes, isFirst }: Beginning): boolean {
    this.#numbers[BEGUN_AT] = sharedNow();
    this.#numbers[HEAP] = heapBytes;
    this.#numbers[IS_FIRST] = Number(isFirst);
    // It comes last: it publishes the others.
    return Atomics.compareExchange(this.#flags, THREAD, 0, threadId) === 0;
  }

  /**
   * The thread calls the function of the task, whose module it has loaded.
   * @returns false when the task was cancelled: the function must not be called
   */
  enter(): boolean {
    return Atomics.compareExchange(this.#flags, ENTERED * INTS, 0, 1) === 0;
  }

  /** The function of the task was called, so the module exports it. */
  get hasEntered(): boolean {
    return Atomics.load(this.#flags, ENTERED * INTS) === 1;
  }

  /**
   * The function of the task is not called any more. A thread that has begun it may go on loading its module.
   */
  abandon(): void {
    Atomics.compareExchange(this.#flags, ENTERED * INTS, 0, CANCELLED);
    this.cancel();
  }

  /** Takes the task back from a thread that has not begun it. @returns whether none has, and never will */
  cancel(): boolean {
    const before = Atomics.compareExchange(this.#flags, THREAD, 0, CANCELLED);
    return before === 0 || before === CANCELLED;
  }

  /**
   * The thread works on what an ended task has left behind, and the task waits.
   * @param mark the number of the ended task
   */
  holdUp(mark: number): void {
    Atomics.store(this.#flags, HELD_UP_BY * INTS, mark);
    Atomics.store(this.#flags, LAST_HELD_UP_BY * INTS, mark);
  }

  /** The task goes on. @param ms how long it was held up */
  goOn(ms: number): void {
    this.#numbers[HELD_UP_MS] = this.heldUpMs + ms;
    Atomics.store(this.#flags, HELD_UP_BY * INTS, 0);
  }

  /** The thread loads the module of the task. */
  load(): void {
    Atomics.store(this.#flags, IS_LOADING * INTS, 1);
  }

  /** It has loaded the module, or failed. @param ms how long that took */
  loaded(ms: number): void {
    this.#numbers[LOAD_MS] = ms;
    Atomics.store(this.#flags, IS_LOADING * INTS, 0);
  }

  get isLoading(): boolean {
    return Atomics.load(this.#flags, IS_LOADING * INTS) === 1;
  }

  /** How long the thread has loaded the module of the task; 0: it had loaded it before. */
  get loadMs(): number {
    return this.#numbers[LOAD_MS]!;
  }

  /** How long the thread has worked on what ended tasks have left behind. */
  get heldUpMs(): number {
    return this.#numbers[HELD_UP_MS]!;
  }

  /** The number of the ended task on whose leftovers the thread has worked last. */
  get lastHeldUpBy(): number | undefined {
    return Atomics.load(this.#flags, LAST_HELD_UP_BY * INTS) || undefined;
  }

  /** The number of the ended task on whose leftovers the thread works; undefined when it does not. */
  get heldUpBy(): number | undefined {
    return Atomics.load(this.#flags, HELD_UP_BY * INTS) || undefined;
  }

  /** The thread that runs the task; undefined until it has begun. */
  get threadId(): number | undefined {
    const threadId = Atomics.load(this.#flags, THREAD);
    return threadId > 0 ? threadId : undefined;
  }

  /** The primary has taken the task back before any thread began it. */
  get isCancelled(): boolean {
    return Atomics.load(this.#flags, THREAD) === CANCELLED;
  }

  /** MiB of heap that were in use before the task; 0 until it has begun. */
  get heapMbBefore(): number {
    return this.#numbers[HEAP]! / MIB;
  }

  get isFirst(): boolean {
    return this.#numbers[IS_FIRST] === 1;
  }

  /**
   * Milliseconds between a time of `sharedNow` and the begin of the task; undefined until it has begun.
   */
  delayMs(since: number): number | undefined {
    return this.threadId === undefined ? undefined : Math.max(0, this.#numbers[BEGUN_AT]! - since);
  }
}

// Tasks may change it.
const { hrtime } = process;

/** A clock in milliseconds that all threads of the process share, unlike `performance.now()`. */
export function sharedNow(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * MS_PER_S + nanoseconds / NS_PER_MS;
}
