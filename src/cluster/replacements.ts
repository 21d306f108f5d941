// Planned replacements of workers' threads: by a reload, or because of a heap over its limit. The new thread
// serves before the old one is taken out of rotation, drained and ended. Threads start one after the other;
// the drains of the threads they replace overlap.
import { mayReplace } from './drains.js';
import type { ReplaceReason } from './thread-options.js';
import type { ThreadStarter } from './thread-starter.js';
import { currentThreadOf, isAlive, isLost, type WorkerEntry, type Workers } from './workers.js';

/** How the planned replacement of a worker's thread went. */
export interface Replacement {
  /** False: no successor got ready, and the old thread still serves. */
  readonly isReplaced: boolean;
  /** Resolves when the old thread has ended, is wedged, or the process stops. Never rejects. */
  readonly ended: Promise<void>;
  /** Why no successor got ready, as its thread has reported it. */
  readonly failure?: string | undefined;
}

const NOTHING_TO_DO: Replacement = { isReplaced: true, ended: Promise.resolve() };

export class Replacements {
  readonly #workers: Workers;
  readonly #starter: ThreadStarter;
  readonly #isStopping: () => boolean;
  readonly #drainMs: number;
  #last: Promise<unknown> = Promise.resolve();

  /** @param drainMs DRAIN_MS */
  constructor(workers: Workers, starter: ThreadStarter, isStopping: () => boolean, drainMs: number) {
    this.#workers = workers;
    this.#starter = starter;
    this.#isStopping = isStopping;
    this.#drainMs = drainMs;
  }

  /**
   * Resolves when the new thread serves, or never will. A reload waits while a quarter of the workers drain.
   * A worker whose heap is over its limit does not, because it may be lost meanwhile.
   * @param before on the clock of `performance.now()`: a thread that started later is not replaced
   */
  async replace(worker: number, reason: ReplaceReason, before: number): Promise<Replacement> {
    const { all } = this.#workers;
    if (reason === 'reload') {
      await this.#starter.settled(() => mayReplace(this.#workers.living, all.length));
    }
    const turn = this.#last.then(() => this.#replace(this.#workers.entryOf({ worker }), reason, before));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #replace(entry: WorkerEntry, reason: ReplaceReason, before: number): Promise<Replacement> {
    const starting = currentThreadOf(entry);
    if (starting !== undefined) await this.#starter.started(starting);
    const current = currentThreadOf(entry);
    if (this.#isStopping() || (current === undefined && reason === 'heap')) return NOTHING_TO_DO;
    if (current === undefined) return this.#startNow(entry);
    let old = current;
    const isOld = (): boolean => {
      old = currentThreadOf(entry) ?? old;
      return old === currentThreadOf(entry) && old.spawnedAt <= before && !this.#isStopping();
    };
    const next = isOld() ? await this.#starter.start(entry, isOld) : undefined;
    // A restart has been quicker, or is in progress; or the system has refused a thread.
    if (next === undefined) return { ...NOTHING_TO_DO, isReplaced: !isOld() };
    await this.#starter.started(next);
    if (next.state.kind !== 'ready')
      return { ...NOTHING_TO_DO, isReplaced: this.#isStopping(), failure: next.startFailure };
    if (old.isCurrent) {
      old.retireReason = reason;
      old.retire(this.#drainMs);
      this.#workers.notify();
    }
    return { isReplaced: true, ended: this.#starter.settled(() => !isAlive(old) || isLost(old)) };
  }

  /**
   * Starts the successor of a failed thread at once. It would otherwise wait until the backoff is over, which
   * a reload does not.
   */
  async #startNow(entry: WorkerEntry): Promise<Replacement> {
    await this.#starter.settled(() => entry.awaitsThread || currentThreadOf(entry) !== undefined);
    const next = await this.#starter.start(entry);
    const started = next ?? currentThreadOf(entry);
    if (started !== undefined) await this.#starter.started(started);
    return { ...NOTHING_TO_DO, isReplaced: this.#isStopping() || started?.state.kind === 'ready' };
  }
}
