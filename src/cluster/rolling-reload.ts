// Replaces all workers without a gap: successors start one after the other, and each serves before its
// predecessor leaves. The drains of the predecessors overlap. New threads load the configuration module and
// everything it imports anew.
import type { Logger } from 'pino';
import type { Supervisor } from './supervisor.js';

export class RollingReload {
  readonly #supervisor: Pick<Supervisor, 'workers' | 'replace' | 'stopping'>;
  readonly #log: Pick<Logger, 'info' | 'error'>;
  readonly #serves: () => void;
  #failure: string | undefined;
  #running: Promise<boolean> | undefined;
  #following: Promise<boolean> | undefined;

  /** @param serves called when the first new thread of a reload serves, before it has a request */
  constructor(
    supervisor: Pick<Supervisor, 'workers' | 'replace' | 'stopping'>,
    log: Pick<Logger, 'info' | 'error'>,
    serves: () => void = () => undefined,
  ) {
    this.#supervisor = supervisor;
    this.#log = log;
    this.#serves = serves;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Why the last reload has stopped, in the words of the new thread, where it has reported them. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Begins a reload. Calls while one is in progress make exactly one more reload follow it, because workers
   * that are replaced already may have read their files before these changed.
   * @returns whether that reload has replaced all workers; if not, the log has the reason
   */
  begin(): Promise<boolean> {
    if (this.#running === undefined) {
      this.#running = this.#replaceAll().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    if (this.#following === undefined) {
      this.#log.info('a reload is in progress; another one will follow');
      const follow = (): Promise<boolean> => {
        this.#following = undefined;
        return this.begin();
      };
      this.#following = this.#running.then(follow, follow);
    }
    return this.#following;
  }

  /** Stops at the first worker whose replacement does not get ready; the old threads keep serving. */
  async #replaceAll(): Promise<boolean> {
    if (this.#supervisor.stopping) return false;
    this.#failure = undefined;
    const begun = performance.now();
    const workers = this.#supervisor.workers.map(({ worker }) => worker);
    this.#log.info({ workers: workers.length }, 'reload begins');
    const drains: Promise<void>[] = [];
    for (const worker of workers) {
      const { isReplaced, ended, failure } = await this.#supervisor.replace(worker, 'reload', begun);
      if (isReplaced && drains.length === 0) this.#serves();
      drains.push(ended);
      if (this.#supervisor.stopping) return false;
      if (!isReplaced) {
        this.#failure = failure;
        this.#log.error(
          { worker },
          'reload stopped: a replacement did not get ready; the old workers keep serving',
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
