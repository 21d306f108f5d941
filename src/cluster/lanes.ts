// One lane for each worker: the threads that live in it, one after the other or side by side, and what is
// owed to it. Whoever waits for something to become true of them is asked again after every change.
import { type RestartLimits, Restarts } from './restarts.js';
import { descriptorOf, type WorkerState } from './worker-state.js';
import type { WorkerThread } from './worker-thread.js';

export interface Lane {
  readonly worker: number;
  generation: number;
  /** Those that live, oldest first; the last one that lived when none does. */
  threads: WorkerThread[];
  readonly restarts: Restarts;
  /** It waits for a thread: first for the backoff, then for a row. */
  isOwed: boolean;
  restart: NodeJS.Timeout | undefined;
}

export interface ThreadView {
  /** 1..WORKERS */
  readonly worker: number;
  readonly generation: number;
  /** Row in shared memory. */
  readonly slot: number;
  /** Node's number of the thread; -1 once it has ended. */
  readonly threadId: number;
  readonly state: WorkerState;
  readonly startedAt: Date;
  readonly serving: ReadonlySet<string>;
}

export class Lanes {
  readonly all: readonly Lane[];
  readonly #changed = new Set<() => void>();

  constructor(workers: number, limits: RestartLimits) {
    this.all = Array.from({ length: workers }, (_, index) => ({
      worker: index + 1,
      generation: 0,
      threads: [],
      restarts: new Restarts(limits),
      isOwed: false,
      restart: undefined,
    }));
  }

  /** One for each worker, once started: the thread in rotation, else its newest. */
  get views(): readonly ThreadView[] {
    return this.all.flatMap(({ threads }) => threads.findLast(isServing) ?? threads.at(-1) ?? []);
  }

  /** All that live, and the last one of a worker that has none: two for a worker that is being replaced. */
  get threads(): readonly WorkerThread[] {
    return this.all.flatMap(({ threads }) => threads);
  }

  get living(): readonly WorkerThread[] {
    return this.threads.filter(isAlive);
  }

  /** Resolves once `test` holds; asked again after every change of any worker. */
  until(test: (lanes: readonly ThreadView[]) => boolean): Promise<void> {
    const holds = (): boolean => test(this.views);
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        this.#changed.delete(check);
        resolve();
      };
      this.#changed.add(check);
    });
  }

  /** Something about a worker has changed. */
  notify(): void {
    for (const check of [...this.#changed]) check();
  }
}

export const isAlive = ({ state }: Pick<WorkerThread, 'state'>): boolean => state.kind !== 'dead';
/** It may never end: it stands still for good, or does not do what it is told. */
export const isLost = ({ state, isOverdue }: Pick<WorkerThread, 'state' | 'isOverdue'>): boolean =>
  state.kind === 'wedged' || isOverdue;
const isServing = ({ state }: WorkerThread): boolean => descriptorOf(state) !== undefined;

/** The newest thread that starts or serves with nobody having asked it to leave. */
export const heirOf = ({ threads }: Lane): WorkerThread | undefined =>
  threads.findLast(({ isHeir }) => isHeir);
