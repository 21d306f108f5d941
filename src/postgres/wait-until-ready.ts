// Waits until a postmaster that starts, recovers or was stopped responds: by connecting to it again and
// again.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Allowance } from '../allowance.js';
import { driver } from '../db/driver.js';
import { LimitedClient } from '../db/limited-client.js';
import { StartError } from '../errors.js';
import { isStopped } from '../process/proc.js';
import type { Cluster } from './embedded-cluster.js';
import { SOCKET_FILE, socketUrl } from './postmaster.js';

export const POLL_MS = 10;
/**
 * Time for a postmaster to respond. Recovery replays at most the log of one checkpoint interval, so a
 * server that takes longer is not expected to respond at all.
 */
export const READY_WITHIN_MS = 120_000;

/** Time in which a postmaster that is stopped (SIGSTOP) may be continued. */
const CONTINUED_WITHIN_MS = 1_000;

/** What a server reports of itself. */
export interface ServerReport {
  readonly maxConnections: number;
  /** Where its cluster was when it was started. */
  readonly dataFolder: string;
}

/**
 * Waits until the server responds.
 * @param ends aborted when the postmaster has ended, or is not to be waited for any more
 * @param allowance time to wait
 * @param proceed awaited before each attempt; it may throw to end the wait
 * @returns undefined when `ends` was aborted before
 * @throws StartError when the server refuses the log-in, or its time is over
 */
export async function waitUntilReady(
  pid: number,
  socketDir: string,
  cluster: Cluster,
  ends: AbortSignal,
  allowance: Allowance,
  proceed: () => Promise<void> = async () => {},
): Promise<ServerReport | undefined> {
  const url = socketUrl(socketDir, cluster.password);
  while (!ends.aborted) {
    await proceed();
    const report = existsSync(join(socketDir, SOCKET_FILE)) ? await reportOf(url, ends) : undefined;
    if (report !== undefined) return report;
    if (allowance.leftMs === 0) throw notReady(pid, cluster);
    await delay(POLL_MS, undefined, { signal: ends }).catch(() => {});
  }
  return undefined;
}

/** @throws StartError when a postmaster that is stopped is not continued in time */
export async function waitUntilContinued(pid: number, cluster: Cluster, ends: AbortSignal): Promise<void> {
  const allowance = new Allowance(CONTINUED_WITHIN_MS);
  try {
    while (isStopped(pid) && !ends.aborted) {
      if (allowance.leftMs === 0) throw notReady(pid, cluster);
      await delay(POLL_MS, undefined, { signal: ends }).catch(() => {});
    }
  } finally {
    allowance.cancel();
  }
}

/** Undefined when the server does not respond yet. */
async function reportOf(url: string, ends: AbortSignal): Promise<ServerReport | undefined> {
  const client = new LimitedClient(url, {});
  // A server that is stopped (SIGSTOP) accepts the connection and sends nothing.
  const cut = (): void => client.cut(new Error('it is not waited for any more'));
  ends.addEventListener('abort', cut, { once: true });
  try {
    await client.connect();
    const { rows } = await client.query<{ most: string; folder: string }>(
      "select current_setting('max_connections') as most, current_setting('data_directory') as folder",
    );
    const [{ most, folder } = { most: '', folder: '' }] = rows;
    return { maxConnections: Number(most), dataFolder: folder };
  } catch (error) {
    if (isLoginRefused(error))
      throw new StartError(`the embedded PostgreSQL refuses the log-in of Multilane: ${String(error)}`);
    return undefined;
  } finally {
    ends.removeEventListener('abort', cut);
    await client.end();
  }
}

/**
 * Whether the error is of SQLSTATE class 28 (invalid authorization). Every other failure may pass in a
 * moment, because the server may be starting, stopping or recovering.
 */
function isLoginRefused(error: unknown): boolean {
  return error instanceof driver().DatabaseError && error.code?.startsWith('28') === true;
}

export function notReady(pid: number, { dataFolder, logFile }: Cluster): StartError {
  const why = isStopped(pid) ? `it is stopped, continue it (kill -CONT ${pid})` : `see ${logFile}`;
  return new StartError(`PostgreSQL (pid ${pid}) on ${dataFolder} does not respond: ${why}`);
}
