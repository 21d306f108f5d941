// All workers of the process, for those who do not care for their kinds. Each group has its own supervisor;
// the workers are listed, replaced and numbered in the order of the groups.
import type { ReadyService } from './messages.js';
import type { Replacement } from './replacements.js';
import type { Supervisor } from './supervisor.js';
import type { ReplaceReason } from './thread-options.js';
import type { WorkerThread } from './worker-thread.js';
import type { ThreadView, WorkerStatus } from './workers.js';

export class AllWorkers {
  readonly #groups: readonly Supervisor[];

  constructor(groups: readonly Supervisor[]) {
    this.#groups = groups;
  }

  start(): void {
    for (const group of this.#groups) group.start();
  }

  get stopping(): boolean {
    return this.#groups.some(({ stopping }) => stopping);
  }

  /** The number of workers that are to serve. */
  get count(): number {
    return this.#groups.reduce((sum, { count }) => sum + count, 0);
  }

  get unfinished(): Supervisor['unfinished'] {
    return this.#groups.flatMap(({ unfinished }) => unfinished);
  }

  /** As `Supervisor.workers`. */
  get workers(): readonly ThreadView[] {
    return this.#groups.flatMap(({ workers }) => workers);
  }

  /** As `Workers.statuses`. */
  get statuses(): readonly WorkerStatus[] {
    return this.#groups.flatMap(({ statuses }) => statuses);
  }

  /** As `Supervisor.threads`. */
  get threads(): readonly WorkerThread[] {
    return this.#groups.flatMap(({ threads }) => threads);
  }

  /** Resolves once `test` holds for the workers of all groups, after a change of any of them. */
  until(test: (workers: readonly ThreadView[]) => boolean): Promise<void> {
    const holds = (): boolean => test(this.workers);
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        for (const stop of stops) stop();
        resolve();
      };
      const stops = this.#groups.map((group) => group.watch(check));
    });
  }

  /** As `Supervisor.serviceReady`. */
  serviceReady(ready: ReadyService): void {
    for (const group of this.#groups) group.serviceReady(ready);
  }

  /** As `Supervisor.replace`. */
  replace(worker: number, reason: ReplaceReason, before?: number): Promise<Replacement> {
    return this.#groupOf(worker).replace(worker, reason, before);
  }

  /** As `Supervisor.expel`. */
  expel(thread: WorkerThread, reason: ReplaceReason): void {
    this.#groupOf(thread.worker).expel(thread, reason);
  }

  /** Stops all groups side by side: see `Supervisor.stop`. */
  async stop(withinMs: number): Promise<void> {
    await Promise.all(this.#groups.map((group) => group.stop(withinMs)));
  }

  #groupOf(worker: number): Supervisor {
    return this.#groups.find((group) => group.has(worker))!;
  }
}
