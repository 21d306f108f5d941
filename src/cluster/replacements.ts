// Ordered replacements of workers' threads: by a reload, or because of a heap over its limit. The new thread
// serves before the old one is taken out of rotation, drained, ended. Threads start one after the other; the
// drains of the threads they replace overlap.
import { mayReplace } from './drains.js';
import { heirOf, isAlive, isLost, type Lane, type Lanes } from './lanes.js';
import type { Order, WorkerThread } from './worker-thread.js';

/** How an ordered replacement of a worker's thread went. */
export interface Replacement {
  /** False: no successor got ready, the old thread serves on. */
  readonly isReplaced: boolean;
  /** Resolves when the old thread has ended, is wedged, or the process stops. Never rejects. */
  readonly ended: Promise<void>;
}

/** What the supervisor does for it. */
export interface ThreadStarter {
  isStopping(): boolean;
  /** Resolves once `test` holds, or when the process stops. */
  settled(test: () => boolean): Promise<void>;
  /**
   * Starts a thread of the worker as soon as there is a row for it, unless `isWanted` no longer holds by
   * then.
   */
  start(lane: Lane, isWanted: () => boolean): Promise<WorkerThread | undefined>;
  /** Resolves when the thread is ready or never will be. */
  started(thread: WorkerThread): Promise<void>;
}

const NOTHING_TO_DO: Replacement = { isReplaced: true, ended: Promise.resolve() };

export class Replacements {
  readonly #lanes: Lanes;
  readonly #starter: ThreadStarter;
  readonly #drainMs: number;
  #last: Promise<unknown> = Promise.resolve();

  /** @param drainMs DRAIN_MS */
  constructor(lanes: Lanes, starter: ThreadStarter, drainMs: number) {
    this.#lanes = lanes;
    this.#starter = starter;
    this.#drainMs = drainMs;
  }

  /**
   * Resolves when the new thread serves. A reload waits while a quarter of the workers drain; a worker whose
   * heap is over its limit does not, because it may be lost meanwhile.
   * @param before on the clock of `performance.now()`; threads started later are new enough: nothing to do
   */
  async replace(worker: number, order: Order, before: number): Promise<Replacement> {
    const { all: workers } = this.#lanes;
    if (order === 'reload') await this.#starter.settled(() => mayReplace(this.#lanes.living, workers.length));
    const turn = this.#last.then(() => this.#replace(workers[worker - 1]!, order, before));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #replace(lane: Lane, order: Order, before: number): Promise<Replacement> {
    const starting = heirOf(lane);
    if (starting !== undefined) await this.#starter.started(starting);
    const heir = heirOf(lane);
    if (this.#starter.isStopping() || (heir === undefined && order === 'heap')) return NOTHING_TO_DO;
    if (heir === undefined) return this.#startNow(lane);
    let old = heir;
    const isOld = (): boolean => {
      old = heirOf(lane) ?? old;
      return old === heirOf(lane) && old.begunAt <= before && !this.#starter.isStopping();
    };
    const next = isOld() ? await this.#starter.start(lane, isOld) : undefined;
    if (next === undefined) return NOTHING_TO_DO; // a restart has been quicker, or is under way
    await this.#starter.started(next);
    if (next.state.kind !== 'ready') return { ...NOTHING_TO_DO, isReplaced: this.#starter.isStopping() };
    if (old.isHeir) {
      old.order = order;
      old.retire(this.#drainMs);
      this.#lanes.notify();
    }
    return { isReplaced: true, ended: this.#starter.settled(() => !isAlive(old) || isLost(old)) };
  }

  /** The last thread of the worker has failed, and the next one waits out its backoff: a reload does not. */
  async #startNow(lane: Lane): Promise<Replacement> {
    await this.#starter.settled(() => lane.isOwed || heirOf(lane) !== undefined);
    const next = await this.#starter.start(lane, () => lane.isOwed);
    const started = next ?? heirOf(lane);
    if (started !== undefined) await this.#starter.started(started);
    return { ...NOTHING_TO_DO, isReplaced: this.#starter.isStopping() || started?.state.kind === 'ready' };
  }
}
