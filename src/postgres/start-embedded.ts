// The start of the embedded PostgreSQL, step by step: find the binaries, choose the account, make the
// cluster, then adopt the postmaster that runs or start one, and keep it running.
import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';
import { type FolderIdentity, folderIdentityOf, hasIdentity } from '../process/folder-identity.js';
import type { Log } from '../telemetry/log.js';
import { fitsSocket } from '../unix-socket.js';
import { adoptPostmaster } from './adopt-postmaster.js';
import { inTurn, untilPassed } from './await-start.js';
import type { Embedded, EmbeddedOptions } from './embedded.js';
import { type Account, chooseAccount, requireMapped, withPassage } from './embedded-account.js';
import { type Binaries, locateBinaries } from './embedded-binaries.js';
import { type Cluster, ensureCluster, hasCluster, openFolder } from './embedded-cluster.js';
import { disownPidFile } from './pid-file.js';
import { type Postmaster, SOCKET_FILE } from './postmaster.js';
import { requireNotRunning } from './require-not-running.js';
import { startPostmaster } from './start-postmaster.js';
import { SupervisedPostgres } from './supervised-postgres.js';

const ORPHANS_MS = 10_000;

/**
 * Starts PostgreSQL, or adopts the one that runs, and starts it again whenever it ends by itself.
 * @throws StartError with one clear line: missing binaries, unusable folder, PostgreSQL's own message
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dataDir, socketDir, lock, log, signal } = options;
  if (!fitsSocket(join(socketDir, SOCKET_FILE))) {
    throw new StartError(`the socket folder ${socketDir} is too long for a Unix socket`);
  }
  const [binaries, files] = await Promise.all([locateBinaries(), openFolder(dataDir)]);
  const account = await accountFor([binaries.postgres, files.dataFolder, socketDir], files.dataFolder, log);
  const cluster = await inTurn(lock, signal, async (isEldest) => {
    const exists = await hasCluster(files);
    if (!exists && !isEldest) return undefined;
    if (!exists)
      log.info(`creating an embedded PostgreSQL in ${files.folder}; a first start takes some seconds`);
    return ensureCluster(files, binaries, account, signal);
  });
  // Read before PostgreSQL is started: if a wait for the disk came after its start, a stop would not see
  // PostgreSQL.
  const folder = await folderIdentityOf(cluster.dataFolder);
  const launch = launcher(options, { cluster, folder, binaries, account });
  const postmaster = await launch(signal);
  return new SupervisedPostgres({ postmaster, cluster, folder, launch, lock, log });
}

/** The account that runs PostgreSQL, able to reach all these paths; undefined: that of this process. */
async function accountFor(
  paths: readonly string[],
  dataFolder: string,
  log: Log,
): Promise<Account | undefined> {
  const account = await chooseAccount(dataFolder, log);
  await requireMapped(account);
  return withPassage(account, paths, log);
}

interface LaunchContext {
  readonly cluster: Cluster;
  /** Identity of the cluster's data folder. */
  readonly folder: FolderIdentity;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
}

/**
 * A function that adopts the postmaster that runs, or starts one if this process is the eldest of its slot. A
 * process that is not waits for the postmaster of the eldest.
 */
function launcher(
  { socketDir, lock, log, orphansMs = ORPHANS_MS }: EmbeddedOptions,
  { cluster, folder, binaries, account }: LaunchContext,
): (signal: AbortSignal) => Promise<Postmaster> {
  const start = async (signal: AbortSignal): Promise<Postmaster> => {
    if (!(await hasIdentity(cluster.dataFolder, folder)))
      throw new StartError(
        `${cluster.dataFolder} was moved or replaced: move it back, or restart the process`,
      );
    await requireNotRunning(cluster, socketDir);
    await disownPidFile(cluster.dataFolder);
    await prepareSocketDir(socketDir, account);
    return startPostmaster({ cluster, postgres: binaries.postgres, account, socketDir, log }, signal);
  };
  const adoptOrStart = async (signal: AbortSignal): Promise<Postmaster> =>
    (await adoptPostmaster(cluster, signal)) ?? start(signal);
  return (signal) =>
    inTurn(lock, signal, async (isEldest) =>
      isEldest
        ? untilPassed(orphansMs, signal, () => adoptOrStart(signal))
        : adoptPostmaster(cluster, signal),
    );
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
