// The embedded PostgreSQL: real binaries, one cluster under DATA_DIR/pg, a Unix socket and nothing else.
//
// It lives in its own session and is stopped by us as the last thing. If we are killed it lives on, idle, and
// the next start on the same DATA_DIR adopts it: no recovery, no waiting. (A death signal of the kernel,
// `setpriv --pdeathsig`, is tied to the thread that forked, is lost when credentials change, and would take
// the database away from a successor that wants to take over; so adoption it is.) The owner lock of DATA_DIR
// must be held by the caller: it is what makes one process the only one here, or says who of two starts and
// who stops.
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Allowance } from '../allowance.js';
import type { Countdown } from '../countdown.js';
import { StartError } from '../errors.js';
import { isOutOfFiles } from '../open-files.js';
import { type FolderIdentity, folderIdentityOf, hasIdentity } from '../process/folder-identity.js';
import type { OwnerLock } from '../process/owner-lock.js';
import type { Log } from '../telemetry/log.js';
import { fitsSocket } from '../unix-socket.js';
import { type Account, chooseAccount, requireMapped, withPassage } from './embedded-account.js';
import { locateBinaries } from './embedded-binaries.js';
import { type Cluster, ensureCluster, hasCluster, openFolder } from './embedded-cluster.js';
import { stopEmbedded } from './embedded-stop.js';
import { disownPidFile } from './pid-file.js';
import { watchPresence } from './postgres-presence.js';
import {
  adoptPostmaster,
  type Postmaster,
  requireNoStranger,
  SOCKET_FILE,
  StillRunningError,
  socketUrl,
  startPostmaster,
} from './postmaster.js';
import { killOrphans, killPostmaster, LEAST_STOP_MS } from './postmaster-stop.js';

export interface EmbeddedOptions {
  /** Absolute. Created if missing. */
  readonly dataDir: string;
  /** Absolute, at most 90 bytes (a socket's path may have 107). Created with mode 0700. */
  readonly socketDir: string;
  readonly lock: Pick<OwnerLock, 'status' | 'leave'>;
  readonly log: Log;
  /**
   * Ends the start: waiting for an elder process, or a PostgreSQL that is being started, which is stopped.
   */
  readonly signal: AbortSignal;
  /**
   * How long processes of an earlier PostgreSQL may take to notice that their postmaster is gone, in
   * milliseconds.
   * @default 10000
   */
  readonly orphansMs?: number;
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
  /**
   * Orderly, then harder, within the time that is left; resolves when no process is left. Unless a successor
   * uses it: then it is left alone.
   */
  stop(countdown: Countdown): Promise<void>;
  /**
   * Kills it where it stands, so that it writes nothing more: its folder belongs to another process by now.
   */
  discard(): Promise<void>;
}

const RESTART_BACKOFF_MS = { first: 100, most: 5_000 };
const ORPHANS_MS = 10_000;
/** How often one that is not to start PostgreSQL looks whether it runs. */
const LOOK_MS = 20;

/** @throws StartError with one clear line: missing binaries, unusable folder, PostgreSQL's own complaint */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dataDir, socketDir, lock, log } = options;
  if (!fitsSocket(join(socketDir, SOCKET_FILE))) {
    throw new StartError(`the socket folder ${socketDir} is too long for a Unix socket`);
  }
  const [binaries, files] = await Promise.all([locateBinaries(), openFolder(dataDir)]);
  const paths = [binaries.postgres, files.dataFolder, socketDir];
  const chosen = await chooseAccount(files.dataFolder, log);
  await requireMapped(chosen);
  const account = await withPassage(chosen, paths, log);
  const cluster = await inTurn(lock, options.signal, async (isEldest) =>
    isEldest || (await hasCluster(files))
      ? ensureCluster(files, binaries, account, options.signal)
      : undefined,
  );
  // Read before there is a PostgreSQL: if a wait for the disk followed its start, a stop would not see it.
  const place = await folderIdentityOf(cluster.dataFolder);
  const start = async (signal: AbortSignal): Promise<Postmaster> => {
    if (!(await hasIdentity(cluster.dataFolder, place)))
      throw new StartError(
        `${cluster.dataFolder} was moved or replaced: move it back, or restart the process`,
      );
    await requireNoStranger(cluster, socketDir);
    await disownPidFile(cluster.dataFolder);
    await prepareSocketDir(socketDir, account);
    return startPostmaster({ cluster, postgres: binaries.postgres, account, socketDir, log }, signal);
  };
  const launch = (signal: AbortSignal): Promise<Postmaster> =>
    inTurn(lock, signal, async (isEldest) =>
      isEldest
        ? startPatiently(
            options.orphansMs ?? ORPHANS_MS,
            signal,
            async () => (await adoptPostmaster(cluster, signal)) ?? start(signal),
          )
        : adoptPostmaster(cluster, signal),
    );
  const postmaster = await launch(options.signal);
  return new SupervisedPostgres(postmaster, cluster, place, launch, lock, log);
}

/**
 * Tries until there is something, and never while an elder process may be stopping PostgreSQL. How long an
 * elder may take is known to the process manager that has started us beside it.
 */
async function inTurn<T>(
  lock: EmbeddedOptions['lock'],
  signal: AbortSignal,
  attempt: (isEldest: boolean) => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const status = await lock.status();
    const result = status === 'behind-leaving-elder' ? undefined : await attempt(status === 'eldest');
    if (result !== undefined) return result;
    await delay(LOOK_MS, undefined, { signal });
  }
}

/**
 * After a kill -9 of the postmaster its backends need a moment to go; until then a new one is refused.
 * Without file descriptors it cannot be seen whether they have.
 */
async function startPatiently(
  orphansMs: number,
  signal: AbortSignal,
  adoptOrStart: () => Promise<Postmaster>,
): Promise<Postmaster> {
  const allowance = new Allowance(orphansMs);
  try {
    for (;;) {
      try {
        return await adoptOrStart();
      } catch (error) {
        if (!isPassing(error) || allowance.leftMs === 0) throw error;
        await delay(50, undefined, { signal });
      }
    }
  } finally {
    allowance.cancel();
  }
}

/** Processes of an earlier PostgreSQL that are about to end, or a shortage of file descriptors. */
function isPassing(error: unknown): boolean {
  if (error instanceof StillRunningError || isOutOfFiles(error)) return true;
  if (!(error instanceof Error)) return false;
  return isOutOfFiles(error.cause) || /still in use|lock file .* already exists/.test(error.message);
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
  readonly #cluster: Cluster;
  readonly #place: FolderIdentity;
  readonly #launch: (signal: AbortSignal) => Promise<Postmaster>;
  readonly #lock: EmbeddedOptions['lock'];
  readonly #log: Log;
  readonly #callbacks: ((reason: string) => void)[] = [];
  readonly #stopping = new AbortController();
  #postmaster: Postmaster;
  #restarting: Promise<void> = Promise.resolve();

  constructor(
    postmaster: Postmaster,
    cluster: Cluster,
    place: FolderIdentity,
    launch: (signal: AbortSignal) => Promise<Postmaster>,
    lock: EmbeddedOptions['lock'],
    log: Log,
  ) {
    this.#postmaster = postmaster;
    this.#cluster = cluster;
    this.#place = place;
    this.#launch = launch;
    this.#lock = lock;
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

  async stop(countdown: Countdown): Promise<void> {
    this.#stopping.abort();
    // One that is coming back stops what it has started, unless the disk keeps it from starting anything.
    await countdown.ends(this.#restarting, { reserveMs: LEAST_STOP_MS });
    const [postmaster, cluster, place] = [this.#postmaster, this.#cluster, this.#place];
    await stopEmbedded({ postmaster, cluster, place, lock: this.#lock, log: this.#log }, countdown);
  }

  async discard(): Promise<void> {
    this.#stopping.abort();
    await killPostmaster(this.#postmaster);
    await killOrphans(this.#place, this.#log);
    await this.#restarting;
  }

  #watch(postmaster: Postmaster): void {
    const unwatch = postmaster.isShown ? watchPresence(this.#cluster.folder, this.#log) : undefined;
    void postmaster.exited.then((reason) => {
      unwatch?.();
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
        this.#postmaster = await this.#launch(signal);
        this.#log.info(`the embedded PostgreSQL runs again (pid ${this.#postmaster.pid})`);
        this.#watch(this.#postmaster);
        return;
      } catch (error) {
        if (signal.aborted) return;
        backoff = Math.min(RESTART_BACKOFF_MS.most, Math.max(RESTART_BACKOFF_MS.first, backoff * 2));
        this.#log.error({ err: error }, 'the embedded PostgreSQL cannot be started again');
      }
    }
  }
}
