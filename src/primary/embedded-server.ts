// The embedded PostgreSQL of this process. From the claim of DATA_DIR on, it may have to be stopped, or may
// be lost to another process, at any moment: before, while and after it starts.
import type { Logger } from 'pino';
import { socketDirectory } from '../config/socket-directory.js';
import type { Settings } from '../config.js';
import type { Countdown } from '../countdown.js';
import type { Embedded } from '../postgres/embedded.js';
import { startEmbedded } from '../postgres/start-embedded.js';
import type { OwnerLock } from '../process/owner-lock.js';

export interface EmbeddedServerOptions {
  readonly settings: Pick<Settings, 'dataDir'>;
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

  /**
   * Stops the server. A start in progress is awaited first, which does not take long: if it were abandoned,
   * PostgreSQL would run on.
   */
  async stop(countdown: Countdown): Promise<void> {
    const { lock, stopLeftServer } = this.#options;
    this.#interrupted.abort();
    const embedded = await this.#starting?.catch(() => undefined);
    if (embedded !== undefined) await embedded.stop(countdown);
    else if (lock !== undefined) await stopLeftServer(lock, countdown);
  }

  /** Kills the server, so that it writes nothing more, because its folder belongs to another process now. */
  discard(): void {
    void this.#starting?.then(
      (embedded) => embedded.discard(),
      () => undefined,
    );
  }
}
