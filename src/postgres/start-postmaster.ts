// Starts a postmaster on a cluster on which none runs, and waits until it responds.
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Allowance } from '../allowance.js';
import { Countdown } from '../countdown.js';
import { StartError } from '../errors.js';
import { type Account, spawnAs } from './embedded-account.js';
import { type Cluster, ENVIRONMENT, removeDrafts } from './embedded-cluster.js';
import { openPresence, type Presence } from './postgres-presence.js';
import { type Postmaster, SETTINGS, SOCKET_FILE } from './postmaster.js';
import { stopPostmaster } from './postmaster-stop.js';
import { READY_WITHIN_MS, waitUntilReady } from './wait-until-ready.js';

/** Time to stop a postmaster that is still starting, so it has no sessions yet. */
const STOP_WHILE_STARTING_MS = 950;
/** Size from which on the log file is emptied at a start. */
const LOG_FILE_BYTES = 1 << 20;

export interface PostmasterOptions {
  readonly cluster: Cluster;
  /** Path of the program `postgres`. */
  readonly postgres: string;
  readonly account: Account | undefined;
  readonly socketDir: string;
  readonly log: { warn(message: string): void };
}

/**
 * Starts PostgreSQL in a session of its own, so that a signal to the process group of Multilane, such as
 * Ctrl-C, never reaches it.
 * @param signal stops the postmaster while it starts
 * @throws StartError with PostgreSQL's own message when it does not start
 */
export async function startPostmaster(options: PostmasterOptions, signal: AbortSignal): Promise<Postmaster> {
  const { cluster, socketDir, log } = options;
  await removeLeftovers(cluster, socketDir);
  const logFile = openSync(cluster.logFile, 'a+', 0o600);
  const allowance = new Allowance(READY_WITHIN_MS);
  let presence: Presence | undefined;
  try {
    presence = await openPresence(cluster.folder, log);
    signal.throwIfAborted(); // an end of the process may not have waited for the disk
    if (fstatSync(logFile).size > LOG_FILE_BYTES) ftruncateSync(logFile, 0);
    const logStart = fstatSync(logFile).size;
    const { child, exited, hasEnded } = spawnPostmaster(options, presence, logFile);
    presence?.close(); // the child keeps its copy open
    const ends = AbortSignal.any([hasEnded, signal]);
    const report = await waitUntilReady(child.pid!, socketDir, cluster, ends, allowance);
    if (signal.aborted && child.pid !== undefined) {
      const countdown = new Countdown(STOP_WHILE_STARTING_MS);
      await stopPostmaster({ pid: child.pid, exited }, log, countdown).finally(() => countdown.cancel());
      signal.throwIfAborted();
    }
    if (report === undefined)
      throw new StartError(
        `the embedded PostgreSQL did not start (${await exited}): ${lastError(cluster, logStart)}`,
      );
    const { maxConnections } = report;
    const hasLivenessSocket = presence !== undefined;
    return { pid: child.pid!, socketDir, adopted: false, hasLivenessSocket, maxConnections, exited };
  } finally {
    presence?.close();
    allowance.cancel();
    closeSync(logFile);
  }
}

/**
 * Removes what an earlier postmaster has left. Call it when no postmaster runs on this cluster; no other
 * program uses its folders.
 */
async function removeLeftovers(cluster: Cluster, socketDir: string): Promise<void> {
  const socket = join(socketDir, SOCKET_FILE);
  await Promise.all([socket, `${socket}.lock`].map((path) => rm(path, { force: true })));
  await removeDrafts(cluster.folder);
}

interface SpawnedPostmaster {
  readonly child: ChildProcess;
  readonly exited: Promise<string>;
  /** Aborted when the process has ended. */
  readonly hasEnded: AbortSignal;
}

function spawnPostmaster(
  { cluster, postgres, account, socketDir }: PostmasterOptions,
  presence: Presence | undefined,
  logFile: number,
): SpawnedPostmaster {
  const settings = { ...SETTINGS, unix_socket_directories: socketDir };
  const args = [
    '-D',
    cluster.dataFolder,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const child = spawnAs(account, postgres, args, {
    cwd: '/',
    env: ENVIRONMENT,
    detached: true,
    stdio: [presence?.input ?? 'ignore', logFile, logFile],
  });
  const ended = new AbortController();
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  }).finally(() => ended.abort());
  child.unref();
  return { child, exited, hasEnded: ended.signal };
}

/** The last severe line that PostgreSQL has written to its log since `from`. */
function lastError(cluster: Cluster, from: number): string {
  const text = readFileSync(cluster.logFile).subarray(from).toString('utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const severe =
    lines.findLast((line) => /FATAL|PANIC|ERROR|error/.test(line)) ?? lines.at(-1) ?? 'no message';
  return severe.replace(/^\S+ \S+ \S+ (?=[A-Z]+:)/, '');
}
