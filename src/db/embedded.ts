// The embedded PostgreSQL: real binaries, one cluster under DATA_DIR/pg, a Unix socket and nothing else.
//
// It lives in its own session and is stopped by us as the last thing. If we are killed it lives on, idle, and
// the next start on the same DATA_DIR adopts it: no recovery, no waiting. (A death signal of the kernel,
// `setpriv --pdeathsig`, is tied to the thread that forked, is lost when credentials change, and would take the
// database away from a successor that wants to take over; so adoption it is.) The owner lock of DATA_DIR must be
// held by the caller: it is what makes one process the only one here.
import { chmod, chown, mkdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { StartError } from '../errors.js';
import { type Account, chooseAccount, withPassage } from './embedded-account.js';
import { locateBinaries } from './embedded-binaries.js';
import { type Cluster, ensureCluster, openFolder } from './embedded-cluster.js';
import {
  adoptPostmaster,
  type Postmaster,
  socketUrl,
  startPostmaster,
  stopPostmaster,
} from './postmaster.js';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface EmbeddedOptions {
  /** Absolute. Created if missing. */
  readonly dataDir: string;
  /** Absolute, at most 90 bytes (a socket's path may have 107). Created with mode 0700. */
  readonly socketDir: string;
  readonly log: Log;
}

export interface Embedded {
  /** Maintenance database; holds the password. */
  readonly url: string;
  readonly maxConnections: number;
  /** True when a PostgreSQL that was already running on this folder was taken over. */
  readonly adopted: boolean;
  readonly pid: number;
  /** Called when PostgreSQL ended without our doing; it is being started again meanwhile. */
  onExit(callback: (reason: string) => void): void;
  /** Orderly, then harder; resolves when no process is left. */
  stop(): Promise<void>;
  /** For the last moment of a process that cannot wait: tells PostgreSQL to end, recovery at the next start. */
  stopNow(): void;
}

const SOCKET_PATH_BYTES = 107;
const RESTART_BACKOFF_MS = { first: 100, most: 5_000 };
/** How long backends of a killed postmaster may take to notice that they are orphans. */
const ORPHANS_MS = 10_000;

/** @throws StartError with one clear line: missing binaries, unusable folder, PostgreSQL's own complaint */
export async function startEmbedded({ dataDir, socketDir, log }: EmbeddedOptions): Promise<Embedded> {
  if (Buffer.byteLength(`${socketDir}/.s.PGSQL.5432`) > SOCKET_PATH_BYTES) {
    throw new StartError(`the socket folder ${socketDir} is too long for a Unix socket`);
  }
  const [binaries, files] = await Promise.all([locateBinaries(), openFolder(dataDir)]);
  const paths = [binaries.postgres, files.dataFolder, socketDir];
  const account = await withPassage(await chooseAccount(files.dataFolder, log), paths, log);
  const cluster = await ensureCluster(files, binaries, account);
  const launch = async (): Promise<Postmaster> => {
    const running = await adoptPostmaster(cluster);
    if (running !== undefined) return running;
    await prepareSocketDir(socketDir, account);
    return startPatiently(() => startPostmaster(cluster, binaries.postgres, account, socketDir));
  };
  return new SupervisedPostgres(await launch(), cluster, launch, log);
}

/** After a kill -9 of the postmaster its backends need a moment to go; until then a new one is refused. */
async function startPatiently(start: () => Promise<Postmaster>): Promise<Postmaster> {
  const until = performance.now() + ORPHANS_MS;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const orphans =
        error instanceof Error && /still in use|lock file .* already exists/.test(error.message);
      if (!orphans || performance.now() > until) throw error;
      await delay(50);
    }
  }
}

async function prepareSocketDir(socketDir: string, account: Account | undefined): Promise<void> {
  try {
    await mkdir(socketDir, { recursive: true, mode: 0o700 });
    await chmod(socketDir, 0o700);
    if (account !== undefined) await chown(socketDir, account.uid, account.gid);
  } catch (error) {
    throw new StartError(`cannot use the socket folder ${socketDir}: ${String(error)}`);
  }
}

class SupervisedPostgres implements Embedded {
  readonly adopted: boolean;
  readonly maxConnections: number;
  readonly url: string;
  readonly #launch: () => Promise<Postmaster>;
  readonly #log: Log;
  readonly #callbacks: ((reason: string) => void)[] = [];
  readonly #stopping = new AbortController();
  #postmaster: Postmaster;
  #restarting: Promise<void> = Promise.resolve();

  constructor(postmaster: Postmaster, cluster: Cluster, launch: () => Promise<Postmaster>, log: Log) {
    this.#postmaster = postmaster;
    this.#launch = launch;
    this.#log = log;
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

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#restarting;
    await stopPostmaster(this.#postmaster, this.#log);
  }

  stopNow(): void {
    this.#stopping.abort();
    try {
      process.kill(this.#postmaster.pid, 'SIGQUIT');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #watch(postmaster: Postmaster): void {
    void postmaster.exited.then((reason) => {
      if (this.#stopping.signal.aborted) return;
      this.#log.error(`the embedded PostgreSQL (pid ${postmaster.pid}) ended: ${reason}`);
      this.#restarting = this.#restart();
      for (const callback of this.#callbacks) callback(reason);
    });
  }

  async #restart(): Promise<void> {
    const { signal } = this.#stopping;
    for (let backoff = 0; !signal.aborted; ) {
      await delay(backoff, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        this.#postmaster = await this.#launch();
        this.#log.info(`the embedded PostgreSQL runs again (pid ${this.#postmaster.pid})`);
        this.#watch(this.#postmaster);
        return;
      } catch (error) {
        backoff = Math.min(RESTART_BACKOFF_MS.most, Math.max(RESTART_BACKOFF_MS.first, backoff * 2));
        this.#log.error({ err: error }, 'the embedded PostgreSQL cannot be started again');
      }
    }
  }
}
