// One running postmaster, ours by birth or by adoption: start, wait until it answers, watch, stop.

import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Allowance } from '../allowance.js';
import { Countdown } from '../countdown.js';
import { driver } from '../db/driver.js';
import { LimitedClient } from '../db/limited-client.js';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import { folderIdentityOf } from '../process/folder-identity.js';
import { isOurProc, isStopped } from '../process/proc.js';
import { isServerAliveIn } from '../process/server-liveness.js';
import { socketState } from '../unix-socket.js';
import { type Account, spawnAs } from './embedded-account.js';
import { type Cluster, ENVIRONMENT, ROLE, removeDrafts } from './embedded-cluster.js';
import { postmasterOf, watch } from './find-postmaster.js';
import { pidFileOf, readPidFile } from './pid-file.js';
import { holdPresence, type Presence, postgresAt } from './postgres-presence.js';
import { type Stoppable, stopPostmaster } from './postmaster-stop.js';

/** Part of the socket's name; with no network address behind it nobody can be in its way. */
const PORT = 5432;
export const SOCKET_FILE = `.s.PGSQL.${PORT}`;
const POLL_MS = 10;
/** Recovery replays at most one checkpoint interval of log; longer than this means that it never ends. */
const READY_WITHIN_MS = 120_000;
/** The same for a process that may be a postmaster, or anything else. */
const UNSURE_WITHIN_MS = 10_000;
/** A postmaster that is stopped (SIGSTOP) may go on in a moment. */
const GOES_ON_WITHIN_MS = 1_000;
/** One that is stopped while it starts has served nobody. */
const STOP_WHILE_STARTING_MS = 950;
const LOG_FILE_BYTES = 1 << 20;
export const MAX_CONNECTIONS = 100;

/**
 * Commits stay durable (fsync, synchronous_commit and full_page_writes keep their defaults). The rest is for
 * a small machine of which the database is a guest: no network, no replication, few short queries.
 */
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  port: String(PORT),
  max_connections: String(MAX_CONNECTIONS),
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  timezone: 'UTC',
  // Statements of a process that died end soon, not when they are through.
  client_connection_check_interval: '1s',
  cluster_name: 'multilane',
  log_line_prefix: '%m ',
  // No statements, no values: a refused insert would otherwise log the row, and rows hold people.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
} as const;

export interface Postmaster {
  readonly pid: number;
  readonly socketDir: string;
  readonly adopted: boolean;
  /** Whether it has a socket that says it lives, see postgres-presence, as far as we know. */
  readonly isShown: boolean;
  readonly maxConnections: number;
  /** Resolves with the manner of death, whoever caused it. */
  readonly exited: Promise<string>;
}

/** The URL of one database of a cluster: the socket folder travels as the `host` parameter. */
export function socketUrl(socketDir: string, password: string, database = 'postgres'): string {
  return `postgresql://${ROLE}:${password}@localhost:${PORT}/${database}?host=${encodeURIComponent(socketDir)}`;
}

/**
 * The postmaster that already runs on this cluster, waited for until it answers or is gone. That a process is
 * one which cannot be inspected is known when it answers, with the password of this cluster.
 * @throws StartError when it does not answer
 */
export async function adoptPostmaster(
  cluster: Cluster,
  signal: AbortSignal,
): Promise<Postmaster | undefined> {
  const seen = await postmasterOf(cluster.dataFolder);
  if (seen === undefined) return undefined;
  const { pid, identity } = seen;
  const gone = watch(seen, cluster.dataFolder);
  const ends = AbortSignal.any([gone.signal, signal]);
  const allowance = new Allowance(identity === 'yes' ? READY_WITHIN_MS : UNSURE_WITHIN_MS);
  try {
    await untilItGoesOn(pid, cluster, ends);
    const socketDir = await socketDirOf(cluster, ends, allowance);
    if (socketDir !== '' && !existsSync(socketDir)) throw moved(pid, cluster);
    const found = await answers(pid, socketDir, cluster, ends, allowance);
    signal.throwIfAborted();
    if (found === undefined) return undefined;
    const { maxConnections } = found;
    if ((await realpath(found.dataFolder).catch(() => '')) !== cluster.dataFolder) throw moved(pid, cluster);
    return { pid, socketDir, adopted: true, isShown: true, maxConnections, exited: gone.exited };
  } catch (error) {
    throw identity === 'yes' || signal.aborted ? error : uninspected(pid, cluster, error);
  } finally {
    allowance.cancel();
  }
}

/** The postmaster that runs on this cluster and can be seen, whether it answers or not. */
export async function runningPostmaster({
  dataFolder,
}: Pick<Cluster, 'dataFolder'>): Promise<Stoppable | undefined> {
  const seen = await postmasterOf(dataFolder);
  if (seen?.identity !== 'yes') return undefined;
  return { pid: seen.pid, exited: watch(seen, dataFolder).exited };
}

/** It has its socket, and writes, where its folder was when it was started. */
const moved = (pid: number, { dataFolder }: Cluster): StartError =>
  new StartError(
    `PostgreSQL (pid ${pid}) still runs on ${dataFolder}, which has been moved since it was started: end it (kill -INT ${pid})`,
  );

function uninspected(pid: number, cluster: Cluster, cause: unknown): StartError {
  return new StartError(
    `process ${pid}, named in ${pidFileOf(cluster.dataFolder)}, lives, may not be inspected and does not answer as PostgreSQL ` +
      `(${errorMessage(cause)}): remove the file if it is another program`,
    { cause },
  );
}

/** @throws StartError when a postmaster that is stopped does not go on */
async function untilItGoesOn(pid: number, cluster: Cluster, ends: AbortSignal): Promise<void> {
  const allowance = new Allowance(GOES_ON_WITHIN_MS);
  try {
    while (isStopped(pid) && !ends.aborted) {
      if (allowance.leftMs === 0) throw notReady(pid, cluster);
      await delay(POLL_MS, undefined, { signal: ends }).catch(() => {});
    }
  } finally {
    allowance.cancel();
  }
}

function notReady(pid: number, { dataFolder, logFile }: Cluster): StartError {
  const why = isStopped(pid) ? `it is stopped, let it go on (kill -CONT ${pid})` : `see ${logFile}`;
  return new StartError(`PostgreSQL (pid ${pid}) on ${dataFolder} does not answer: ${why}`);
}

/**
 * One that is just starting writes its socket folder into its pid file only when it has one. '' when it never
 * does.
 */
async function socketDirOf(cluster: Cluster, gone: AbortSignal, allowance: Allowance): Promise<string> {
  while (!gone.aborted && allowance.leftMs > 0) {
    const [socketDir = '', ...rest] = (await readPidFile(cluster.dataFolder)).lines.slice(4);
    // A line that has another one behind it is there to its end.
    if (socketDir !== '' && rest.length > 0) return socketDir;
    await delay(POLL_MS, undefined, { signal: gone }).catch(() => {});
  }
  return '';
}

/** A PostgreSQL runs on this cluster that is none to adopt: it may be about to end. */
export class StillRunningError extends StartError {}

/**
 * Two PostgreSQL on one cluster destroy it, and of one in another container, or of a session whose postmaster
 * was killed, no pid file tells anything.
 * @throws StillRunningError; StartError when it cannot be told
 */
export async function requireNoStranger({ folder, dataFolder }: Cluster, socketDir: string): Promise<void> {
  if (!(await isListening(folder, socketDir))) return;
  const seen = await postgresAt(await folderIdentityOf(dataFolder));
  const foreign =
    process.platform === 'linux' && !isOurProc() ? ', or mount the /proc of this PID namespace' : '';
  throw new StillRunningError(
    seen.length > 0
      ? `processes of an earlier PostgreSQL (pid ${seen.join(', ')}) still run on ${dataFolder}: end them`
      : `a PostgreSQL that cannot be seen from here runs on ${dataFolder}: end the container or namespace that it runs in${foreign}`,
  );
}

async function isListening(folder: string, socketDir: string): Promise<boolean> {
  try {
    if (await isServerAliveIn(folder)) return true;
    return (await socketState(socketDir, SOCKET_FILE)) === 'listening';
  } catch (cause) {
    throw new StartError(`PostgreSQL is not started: ${errorMessage(cause)}`, { cause });
  }
}

export interface PostmasterOptions {
  readonly cluster: Cluster;
  /** Path of the program. */
  readonly postgres: string;
  readonly account: Account | undefined;
  readonly socketDir: string;
  readonly log: { warn(message: string): void };
}

/**
 * Starts PostgreSQL in a session of its own, so that a signal to our process group never reaches it.
 * @param signal ends it while it starts
 */
export async function startPostmaster(
  { cluster, postgres, account, socketDir, log: messages }: PostmasterOptions,
  signal: AbortSignal,
): Promise<Postmaster> {
  // Nobody runs on this cluster and the folder is ours alone: what lies there is left over.
  const socket = join(socketDir, SOCKET_FILE);
  await Promise.all([socket, `${socket}.lock`].map((path) => rm(path, { force: true })));
  const settings = { ...SETTINGS, unix_socket_directories: socketDir };
  await removeDrafts(cluster.folder);
  const log = openSync(cluster.logFile, 'a+', 0o600);
  const allowance = new Allowance(READY_WITHIN_MS);
  let presence: Presence | undefined;
  try {
    presence = await holdPresence(cluster.folder, messages);
    signal.throwIfAborted(); // nothing is started behind an end that did not wait for the disk
    if (fstatSync(log).size > LOG_FILE_BYTES) ftruncateSync(log, 0);
    const logStart = fstatSync(log).size;
    const child = spawnAs(
      account,
      postgres,
      [
        '-D',
        cluster.dataFolder,
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      {
        cwd: '/',
        env: ENVIRONMENT,
        detached: true,
        stdio: [presence?.input ?? 'ignore', log, log],
      },
    );
    const abort = new AbortController();
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    }).finally(() => abort.abort());
    presence?.close(); // what the child has of it stays open
    child.unref();
    const ends = AbortSignal.any([abort.signal, signal]);
    const found = await answers(child.pid!, socketDir, cluster, ends, allowance);
    if (signal.aborted && child.pid !== undefined) {
      const countdown = new Countdown(STOP_WHILE_STARTING_MS);
      await stopPostmaster({ pid: child.pid, exited }, messages, countdown).finally(() => countdown.cancel());
      signal.throwIfAborted();
    }
    if (found !== undefined) {
      const { maxConnections } = found;
      const isShown = presence !== undefined;
      return { pid: child.pid!, socketDir, adopted: false, isShown, maxConnections, exited };
    }
    throw new StartError(
      `the embedded PostgreSQL did not start (${await exited}): ${complaint(cluster, logStart)}`,
    );
  } finally {
    presence?.close();
    allowance.cancel();
    closeSync(log);
  }
}

/** What a server says of itself. */
interface Answer {
  readonly maxConnections: number;
  /** Where its cluster was when it was started. */
  readonly dataFolder: string;
}

/** Waits by connecting. Undefined when it ended before it answered. */
async function answers(
  pid: number,
  socketDir: string,
  cluster: Cluster,
  gone: AbortSignal,
  allowance: Allowance,
): Promise<Answer | undefined> {
  const url = socketUrl(socketDir, cluster.password);
  while (!gone.aborted) {
    if (existsSync(join(socketDir, SOCKET_FILE))) {
      const client = new LimitedClient(url, {});
      // A server that is stopped (SIGSTOP) accepts the connection, and says nothing.
      const cut = (): void => client.cut(new Error('it is not waited for any more'));
      gone.addEventListener('abort', cut, { once: true });
      try {
        await client.connect();
        const { rows } = await client.query<{ most: string; folder: string }>(
          "select current_setting('max_connections') as most, current_setting('data_directory') as folder",
        );
        const [{ most, folder } = { most: '', folder: '' }] = rows;
        return { maxConnections: Number(most), dataFolder: folder };
      } catch (error) {
        if (!isTransient(error)) throw new StartError(`the embedded PostgreSQL refuses us: ${String(error)}`);
      } finally {
        gone.removeEventListener('abort', cut);
        await client.end();
      }
    }
    if (allowance.leftMs === 0) throw notReady(pid, cluster);
    await delay(POLL_MS, undefined, { signal: gone }).catch(() => {});
  }
  return undefined;
}

/** Anything but a refused log-in (class 28) may be different in a moment: starting, stopping, recovering. */
function isTransient(error: unknown): boolean {
  return !(error instanceof driver().DatabaseError && error.code?.startsWith('28') === true);
}

/** The last severe line that PostgreSQL wrote since `from`. */
function complaint(cluster: Cluster, from: number): string {
  const text = readFileSync(cluster.logFile).subarray(from).toString('utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const severe =
    lines.findLast((line) => /FATAL|PANIC|ERROR|error/.test(line)) ?? lines.at(-1) ?? 'no message';
  return severe.replace(/^\S+ \S+ \S+ (?=[A-Z]+:)/, '');
}
