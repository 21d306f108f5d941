// Keeps the embedded PostgreSQL running: notices its end, starts it again, and stops it in the end.
import { setTimeout as delay } from 'node:timers/promises';
import { Countdown } from '../countdown.js';
import type { FolderIdentity } from '../process/folder-identity.js';
import type { Log } from '../telemetry/log.js';
import type { Embedded, EmbeddedOptions } from './embedded.js';
import type { Cluster } from './embedded-cluster.js';
import { stopEmbedded } from './embedded-stop.js';
import { watchPresence } from './postgres-presence.js';
import { type Postmaster, socketUrl } from './postmaster.js';
import { killOrphans, killPostmaster, LEAST_STOP_MS } from './postmaster-stop.js';

/** Time for finding processes whose postmaster was killed, when PostgreSQL is discarded. */
const DISCARD_MS = 2_000;
const RESTART_BACKOFF_MS = { first: 100, most: 5_000 };

export interface SupervisedOptions {
  readonly postmaster: Postmaster;
  readonly cluster: Cluster;
  /** Identity of the cluster's data folder. */
  readonly folder: FolderIdentity;
  /** Starts a postmaster, or adopts one. */
  readonly launch: (signal: AbortSignal) => Promise<Postmaster>;
  readonly lock: EmbeddedOptions['lock'];
  readonly log: Log;
}

export class SupervisedPostgres implements Embedded {
  readonly adopted: boolean;
  readonly maxConnections: number;
  readonly url: string;
  readonly #options: SupervisedOptions;
  readonly #callbacks: ((reason: string) => void)[] = [];
  readonly #stopping = new AbortController();
  #postmaster: Postmaster;
  #restarting: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions) {
    const { postmaster, cluster } = options;
    this.#options = options;
    this.#postmaster = postmaster;
    this.adopted = postmaster.adopted;
    this.maxConnections = postmaster.maxConnections;
    this.url = socketUrl(postmaster.socketDir, cluster.password);
    this.#watch(postmaster);
  }

  get pid(): number {
    return this.#postmaster.pid;
  }

  onExit(callback: (reason: string) => void): void {
    this.#callbacks.push(callback);
  }

  async stop(countdown: Countdown): Promise<void> {
    this.#stopping.abort();
    // A restart under way stops the postmaster that it has started. The wait for it leaves enough time for
    // the stop below, since a disk that hangs may block the restart before it has started a postmaster.
    await countdown.ends(this.#restarting, { reserveMs: LEAST_STOP_MS });
    const { cluster, folder, lock, log } = this.#options;
    await stopEmbedded({ postmaster: this.#postmaster, cluster, folder, lock, log }, countdown);
  }

  async discard(): Promise<void> {
    this.#stopping.abort();
    await killPostmaster(this.#postmaster);
    const countdown = new Countdown(DISCARD_MS);
    await killOrphans(this.#options.folder, this.#options.log, countdown).finally(() => countdown.cancel());
    await this.#restarting;
  }

  #watch(postmaster: Postmaster): void {
    const { cluster, log } = this.#options;
    const unwatch = postmaster.hasLivenessSocket ? watchPresence(cluster.folder, log) : undefined;
    void postmaster.exited.then((reason) => {
      unwatch?.();
      if (this.#stopping.signal.aborted) return;
      log.error(`the embedded PostgreSQL (pid ${postmaster.pid}) has ended (${reason}); starting it again`);
      this.#restarting = this.#restart();
      for (const callback of this.#callbacks) callback(reason);
    });
  }

  async #restart(): Promise<void> {
    const { launch, log } = this.#options;
    const { signal } = this.#stopping;
    for (let backoff = 0; !signal.aborted; ) {
      await delay(backoff, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        this.#postmaster = await launch(signal);
        log.info(`the embedded PostgreSQL runs again (pid ${this.#postmaster.pid})`);
        this.#watch(this.#postmaster);
        return;
      } catch (error) {
        if (signal.aborted) return;
        backoff = Math.min(RESTART_BACKOFF_MS.most, Math.max(RESTART_BACKOFF_MS.first, backoff * 2));
        log.error({ err: error }, 'the embedded PostgreSQL cannot be started again; trying again');
      }
    }
  }
}
