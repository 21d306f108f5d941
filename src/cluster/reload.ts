// Rolling replacement of all workers: successors start one after the other, and each serves before its predecessor
// leaves. The drains of the predecessors overlap.
// New threads load the configuration module and everything it imports anew.
import type { Logger } from 'pino';
import type { Supervisor } from './supervisor.js';

export class Reload {
  readonly #supervisor: Pick<Supervisor, 'lanes' | 'replace' | 'stopping'>;
  readonly #log: Pick<Logger, 'info' | 'warn' | 'error'>;
  #running: Promise<boolean> | undefined;

  constructor(
    supervisor: Pick<Supervisor, 'lanes' | 'replace' | 'stopping'>,
    log: Pick<Logger, 'info' | 'warn' | 'error'>,
  ) {
    this.#supervisor = supervisor;
    this.#log = log;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Begins, unless one is under way: that one goes on.
   * @returns whether all workers were replaced; the log says why not
   */
  begin(): Promise<boolean> {
    if (this.#running === undefined) {
      this.#running = this.#replaceAll().finally(() => {
        this.#running = undefined;
      });
    } else this.#log.warn('a reload is under way already');
    return this.#running;
  }

  /** Stops at the first worker whose replacement does not get ready: the old ones serve on. */
  async #replaceAll(): Promise<boolean> {
    const begun = performance.now();
    const workers = this.#supervisor.lanes.map(({ worker }) => worker);
    this.#log.info({ workers: workers.length }, 'reload begins');
    const drains: Promise<void>[] = [];
    for (const worker of workers) {
      const { isReplaced, ended } = await this.#supervisor.replace(worker, 'reload', begun);
      drains.push(ended);
      if (this.#supervisor.stopping) return false;
      if (!isReplaced) {
        this.#log.error(
          { worker },
          'reload stopped: a replacement did not get ready, the old workers serve on',
        );
        return false;
      }
    }
    await Promise.all(drains);
    if (this.#supervisor.stopping) return false;
    this.#log.info({ ms: Math.round(performance.now() - begun) }, 'reload finished');
    return true;
  }
}
