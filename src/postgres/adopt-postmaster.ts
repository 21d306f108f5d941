// Finds the postmaster that runs on a cluster already, and adopts it. Multilane that is killed leaves its
// PostgreSQL running; the next start uses that one instead of starting another, without any recovery.
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Allowance } from '../allowance.js';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import type { Cluster } from './embedded-cluster.js';
import { findPostmaster, watchExit } from './find-postmaster.js';
import { pidFileOf, readPidFile } from './pid-file.js';
import type { Postmaster } from './postmaster.js';
import type { Stoppable } from './postmaster-stop.js';
import { POLL_MS, READY_WITHIN_MS, waitUntilContinued, waitUntilReady } from './wait-until-ready.js';

/** Time to respond for a process that may be a postmaster, or any other program. */
const UNSURE_WITHIN_MS = 10_000;

/**
 * Adopts the postmaster that runs on this cluster; waits until it responds or has ended. A process that
 * cannot be inspected is known to be the postmaster when it accepts the password of this cluster.
 * @returns undefined when there is none
 * @throws StartError when it does not respond
 */
export async function adoptPostmaster(
  cluster: Cluster,
  signal: AbortSignal,
): Promise<Postmaster | undefined> {
  const found = await findPostmaster(cluster.dataFolder);
  if (found === undefined) return undefined;
  const { pid, match } = found;
  const { exited, hasEnded } = watchExit(found, cluster.dataFolder);
  const ends = AbortSignal.any([hasEnded, signal]);
  const allowance = new Allowance(match === 'yes' ? READY_WITHIN_MS : UNSURE_WITHIN_MS);
  try {
    await waitUntilContinued(pid, cluster, ends);
    const socketDir = await socketDirOf(cluster, ends, allowance);
    if (socketDir !== '' && !existsSync(socketDir)) throw moved(pid, cluster);
    const report = await waitUntilReady(pid, socketDir, cluster, ends, allowance, () =>
      waitUntilContinued(pid, cluster, ends),
    );
    signal.throwIfAborted();
    if (report === undefined) return undefined;
    const { maxConnections } = report;
    if ((await realpath(report.dataFolder).catch(() => '')) !== cluster.dataFolder) throw moved(pid, cluster);
    return { pid, socketDir, adopted: true, hasLivenessSocket: true, maxConnections, exited };
  } catch (error) {
    throw match === 'yes' || signal.aborted ? error : unknownProcess(pid, cluster, error);
  } finally {
    allowance.cancel();
  }
}

/** The postmaster that runs on this cluster and can be inspected, whether it responds or not. */
export async function runningPostmaster({
  dataFolder,
}: Pick<Cluster, 'dataFolder'>): Promise<Stoppable | undefined> {
  const found = await findPostmaster(dataFolder);
  if (found?.match !== 'yes') return undefined;
  return { pid: found.pid, exited: watchExit(found, dataFolder).exited };
}

/**
 * The error for a data folder that was moved while its postmaster runs. The postmaster still uses the paths
 * at which it was started, so it cannot be adopted.
 */
const moved = (pid: number, { dataFolder }: Cluster): StartError =>
  new StartError(
    `PostgreSQL (pid ${pid}) still runs on ${dataFolder}, which has been moved since it was started: end it (kill -INT ${pid})`,
  );

function unknownProcess(pid: number, cluster: Cluster, cause: unknown): StartError {
  return new StartError(
    `process ${pid}, named in ${pidFileOf(cluster.dataFolder)}, lives, may not be inspected and does not respond as PostgreSQL ` +
      `(${errorMessage(cause)}): remove the file if it is another program`,
    { cause },
  );
}

/**
 * Socket folder of a postmaster, from its pid file. One that is just starting writes it there as soon as it
 * has a socket; '' when it does not do so in time.
 */
async function socketDirOf(cluster: Cluster, ends: AbortSignal, allowance: Allowance): Promise<string> {
  while (!ends.aborted && allowance.leftMs > 0) {
    const [socketDir = '', ...rest] = (await readPidFile(cluster.dataFolder)).lines.slice(4);
    // The line is complete if there is another one after it.
    if (socketDir !== '' && rest.length > 0) return socketDir;
    await delay(POLL_MS, undefined, { signal: ends }).catch(() => {});
  }
  return '';
}
