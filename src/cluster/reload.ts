// Rolling replacement of all workers: one after the other, each successor serving before its predecessor leaves.
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
    const begun = new Date();
    const workers = this.#supervisor.lanes.map(({ worker }) => worker);
    this.#log.info({ workers: workers.length }, 'reload begins');
    for (const worker of workers) {
      const replaced = await this.#supervisor.replace(worker, 'reload', begun);
      if (this.#supervisor.stopping) return false;
      if (!replaced) {
        this.#log.error(
          { worker },
          'reload stopped: a replacement did not get ready, the old workers serve on',
        );
        return false;
      }
    }
    this.#log.info({ ms: Date.now() - begun.getTime() }, 'reload finished');
    return true;
  }
}
