// The workers of the process and the threads of each worker. A worker has one thread after the other, or two
// at the same time while one replaces the other.
import { type RestartLimits, Restarts } from './restarts.js';
import type { WorkerGroup, WorkerKind } from './worker-group.js';
import { descriptorOf, type WorkerState } from './worker-life.js';
import type { WorkerThread } from './worker-thread.js';

/** One worker of a group. It stays when its threads are replaced. */
export interface WorkerEntry {
  /** HTTP workers are 1..WORKERS, gRPC workers follow. */
  readonly worker: number;
  /** Number of the newest thread. */
  generation: number;
  /** The threads that are alive, oldest first. When none is alive, the one that ended last. */
  threads: WorkerThread[];
  readonly restarts: Restarts;
  /**
   * The worker has no thread that starts or serves, and waits for one: first until the backoff is over, then
   * until a row is free.
   */
  awaitsThread: boolean;
  /** Ends the backoff. */
  restartTimer: NodeJS.Timeout | undefined;
}

/** What other modules see of the thread of a worker. */
export interface ThreadView {
  readonly worker: number;
  readonly kind: WorkerKind;
  readonly generation: number;
  /** Row of shared memory. */
  readonly slot: number;
  /** Node's number of the thread; -1 once it has ended. */
  readonly threadId: number;
  readonly state: WorkerState;
  readonly startedAt: Date;
  /** Services with a database that the thread serves. */
  readonly serving: ReadonlySet<string>;
}

/** Whether a worker serves. */
export interface WorkerStatus {
  readonly worker: number;
  readonly kind: WorkerKind;
  /**
   * A thread of the worker is in rotation, even one that has failed and is kept for that. A stalled thread is
   * paused there, and does not serve.
   */
  readonly isServing: boolean;
}

export class Workers {
  readonly all: readonly WorkerEntry[];
  readonly #group: WorkerGroup;
  /** Checks of `watch` and `until`, run after every change. */
  readonly #checks = new Set<() => void>();

  constructor(group: WorkerGroup, limits: RestartLimits) {
    const { count, firstWorker } = group;
    this.#group = group;
    this.all = Array.from({ length: count }, (_, index) => ({
      worker: firstWorker + index,
      generation: 0,
      threads: [],
      restarts: new Restarts(limits),
      awaitsThread: false,
      restartTimer: undefined,
    }));
  }

  entryOf({ worker }: Pick<WorkerThread, 'worker'>): WorkerEntry {
    return this.all[worker - this.#group.firstWorker]!;
  }

  /** One thread per worker that was started: the one in rotation, else its newest. */
  get views(): readonly ThreadView[] {
    return this.all.flatMap(({ threads }) => threads.findLast(isServing) ?? threads.at(-1) ?? []);
  }

  /** One element per worker of the group, whether or not it was started. */
  get statuses(): readonly WorkerStatus[] {
    const { kind } = this.#group;
    return this.all.map(({ worker, threads }) => ({ worker, kind, isServing: threads.some(isServing) }));
  }

  /** All threads that are alive, and the last one of each worker without any. */
  get threads(): readonly WorkerThread[] {
    return this.all.flatMap(({ threads }) => threads);
  }

  get living(): readonly WorkerThread[] {
    return this.threads.filter(isAlive);
  }

  /** Threads that have not ended, and their states. */
  get unfinished(): readonly {
    readonly worker: number;
    readonly generation: number;
    readonly state: string;
  }[] {
    return this.living.map(({ worker, generation, state }) => ({ worker, generation, state: state.kind }));
  }

  /** The living threads that may serve the next connection instead of this one. */
  substitutesOf(thread: WorkerThread): readonly WorkerThread[] {
    return this.#group.ports === undefined ? this.living : this.entryOf(thread).threads.filter(isAlive);
  }

  /**
   * Whether a thread has served with the configuration of this one. Where workers have a port each, all of
   * these have to be free.
   */
  hasServed(thread: WorkerThread): boolean {
    const entries = this.#group.ports === undefined ? this.all : [this.entryOf(thread)];
    return entries.some(({ restarts }) => restarts.hasServed);
  }

  /**
   * Runs `check` after every change of any worker.
   * @returns ends that
   */
  watch(check: () => void): () => void {
    this.#checks.add(check);
    return () => this.#checks.delete(check);
  }

  /** Resolves once `test` holds. It is run now and after every change of any worker. */
  until(test: (workers: readonly ThreadView[]) => boolean): Promise<void> {
    const holds = (): boolean => test(this.views);
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.watch(() => {
        if (!holds()) return;
        stop();
        resolve();
      });
    });
  }

  /** Call after every change of a worker or of one of its threads. */
  notify(): void {
    for (const check of [...this.#checks]) check();
  }
}

export const isAlive = ({ state }: Pick<WorkerThread, 'state'>): boolean => state.kind !== 'dead';
/** The thread may never end: it is wedged, or does not end although it was ordered to. */
export const isLost = ({ state, isOverdue }: Pick<WorkerThread, 'state' | 'isOverdue'>): boolean =>
  state.kind === 'wedged' || isOverdue;
const isServing = ({ state }: WorkerThread): boolean => descriptorOf(state) !== undefined;

/** The newest thread of the worker that starts, or serves and was not ordered to leave. */
export const currentThreadOf = ({ threads }: WorkerEntry): WorkerThread | undefined =>
  threads.findLast(({ isCurrent }) => isCurrent);
