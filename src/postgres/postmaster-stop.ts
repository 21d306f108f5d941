// Stops a postmaster: by harder and harder signals, within a time that may be shortened meanwhile.
import { setTimeout as delay } from 'node:timers/promises';
import { withAllowance } from '../allowance.js';
import type { Countdown, StepBound } from '../countdown.js';
import { errorMessage } from '../error-text.js';
import type { FolderIdentity } from '../process/folder-identity.js';
import { childrenOf } from '../process/proc.js';
import { isProcessAlive, signalIfAlive } from '../process/process-identity.js';
import { orphansIn } from './postgres-processes.js';

interface Log {
  warn(message: string): void;
}

/** What is needed of a postmaster to stop it. */
export interface Stoppable {
  readonly pid: number;
  readonly exited: Promise<unknown>;
}

/**
 * Time that a fast shutdown (SIGINT: sessions are ended, commits are kept) leaves to the harder signals.
 */
const AFTER_FAST_MS = 900;
/** Time that an immediate shutdown (SIGQUIT: the next start has to recover) leaves to the kill. */
const AFTER_IMMEDIATE_MS = 450;
/** The least time for a stop: it suffices for an immediate shutdown and a kill. */
export const LEAST_STOP_MS = 600;
const STEPS = [
  ['SIGINT', AFTER_FAST_MS],
  ['SIGQUIT', AFTER_IMMEDIATE_MS],
] as const;
const POLL_MS = 10;
/** Limit of a wait for the disk. It is short, because nothing is left to be done behind it. */
const ORPHAN_LIMIT: StepBound = { atMostMs: 2_000, atLeastMs: 100 };

export async function stopPostmaster(postmaster: Stoppable, log: Log, countdown: Countdown): Promise<void> {
  const { pid, exited } = postmaster;
  if (await hasEnded(exited)) return; // its pid may belong to another process by now
  for (const [signal, reserveMs] of STEPS) {
    if (!signalIfAlive(pid, signal)) return;
    // A process that is stopped (SIGSTOP) receives no other signal until it is continued.
    signalIfAlive(pid, 'SIGCONT');
    if (await countdown.ends(exited, { reserveMs })) return;
    log.warn(`the embedded PostgreSQL (pid ${pid}) does not stop after ${signal}; sending a stronger signal`);
  }
  await killPostmaster(postmaster);
}

/**
 * Kills a postmaster together with its children. A child that is stopped (SIGSTOP) would not notice the end
 * of its postmaster, and as long as it lives no other postmaster can start.
 */
export async function killPostmaster({ pid, exited }: Stoppable): Promise<void> {
  if (await hasEnded(exited)) return;
  await killAll([pid, ...childrenOf(pid)]);
  await exited;
}

/**
 * Kills processes of this cluster whose postmaster was killed earlier and that have not noticed it, such as a
 * session that is stopped (SIGSTOP) or computes. When the disk does not respond in time they are left,
 * and the next start names them.
 */
export async function killOrphans(dataFolder: FolderIdentity, log: Log, countdown: Countdown): Promise<void> {
  let orphans: readonly number[] | undefined;
  try {
    orphans = await resultInTime(orphansIn(dataFolder), countdown, ORPHAN_LIMIT);
  } catch (error) {
    log.warn(`cannot tell whether processes of an earlier PostgreSQL still run: ${errorMessage(error)}`);
    return;
  }
  if (orphans === undefined) {
    log.warn('cannot tell whether processes of an earlier PostgreSQL still run: the disk does not respond');
    return;
  }
  if (orphans.length === 0) return;
  log.warn(`killing processes of an earlier PostgreSQL (pid ${orphans.join(', ')}) that still run`);
  await killAll(orphans);
}

async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) signalIfAlive(pid, 'SIGKILL');
  while (pids.some(isProcessAlive)) await delay(POLL_MS);
}

/** Result of an access to the disk, or undefined when there is none in time. Rejects when the access does. */
export async function resultInTime<T>(
  access: Promise<T>,
  countdown: Countdown,
  limit: StepBound,
): Promise<T | undefined> {
  let result: T | undefined;
  const stored = access.then((value) => {
    result = value;
  });
  await countdown.ends(stored, limit);
  return result;
}

const hasEnded = async (exited: Promise<unknown>): Promise<boolean> =>
  (await withAllowance(0, exited)).hasEnded;
