// The embedded PostgreSQL of this process, from the claim of DATA_DIR to the end: it may be stopped, or lost
// to another process, before, while or after it starts.
import type { Logger } from 'pino';
import { socketDirectory } from '../config/socket-directory.js';
import type { Settings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Embedded } from '../postgres/embedded.js';
import { startEmbedded } from '../postgres/start-embedded.js';
import type { OwnerLock } from '../process/owner-lock.js';

export interface EmbeddedServerOptions {
  readonly settings: Settings;
  readonly isNeeded: boolean;
  /** The lock on DATA_DIR; undefined where nothing had to be claimed. */
  readonly lock: OwnerLock | undefined;
  readonly log: Logger;
  /** Stops a server that a predecessor may have left, when this process has not started its own. */
  readonly stopLeftServer: (lock: OwnerLock, countdown: Countdown) => Promise<void>;
}

export class EmbeddedServer {
  readonly #options: EmbeddedServerOptions;
  readonly #interrupted = new AbortController();
  #starting: Promise<Embedded> | undefined;

  constructor(options: EmbeddedServerOptions) {
    this.#options = options;
  }

  /** @returns undefined where no service needs it. @throws StartError */
  async start(): Promise<Embedded | undefined> {
    const { settings, isNeeded, lock, log } = this.#options;
    if (!isNeeded) return undefined;
    this.#starting = startEmbedded({
      dataDir: settings.dataDir,
      socketDir: socketDirectory(settings),
      lock: lock!,
      log,
      signal: this.#interrupted.signal,
    });
    return this.#starting;
  }

  /** Waits for a start in progress, which ends soon: to abandon it would leave PostgreSQL running. */
  async stop(countdown: Countdown): Promise<void> {
    const { lock, stopLeftServer } = this.#options;
    this.#interrupted.abort();
    const embedded = await this.#starting?.catch(() => undefined);
    if (embedded !== undefined) await embedded.stop(countdown);
    else if (lock !== undefined) await stopLeftServer(lock, countdown);
  }

  /** Kills it, so that it writes nothing more: its folder belongs to another process by now. */
  discard(): void {
    void this.#starting?.then(
      (embedded) => embedded.discard(),
      () => undefined,
    );
  }
}
