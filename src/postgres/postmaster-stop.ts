// How a postmaster is stopped: in order, then harder, within a time that others may cut short.

import { setTimeout as delay } from 'node:timers/promises';
import { withAllowance } from '../allowance.js';
import type { Countdown } from '../countdown.js';
import { errorMessage } from '../error-text.js';
import type { FolderIdentity } from '../process/folder-identity.js';
import { childrenOf } from '../process/proc.js';
import { isProcessAlive, signalIfAlive } from '../process/process-identity.js';
import { orphansAt } from './postgres-presence.js';

interface Log {
  warn(message: string): void;
}

/** What of a postmaster it takes to stop it. */
export interface Stoppable {
  readonly pid: number;
  readonly exited: Promise<unknown>;
}

/** What a fast shutdown, in which sessions are cut and commits kept, leaves to the harder ones. */
const FAST_LEAVES_MS = 900;
/** What an immediate shutdown, behind which the next start recovers, leaves to a kill. */
const IMMEDIATE_LEAVES_MS = 450;
/** What is to be left for a stop: an immediate shutdown and a kill. */
export const LEAST_STOP_MS = 600;
const STEPS = [
  ['SIGINT', FAST_LEAVES_MS],
  ['SIGQUIT', IMMEDIATE_LEAVES_MS],
] as const;
const LOOK_MS = 10;

export async function stopPostmaster(postmaster: Stoppable, log: Log, countdown: Countdown): Promise<void> {
  const { pid, exited } = postmaster;
  if (await hasEnded(exited)) return; // its pid may be somebody else's by now
  for (const [signal, reserveMs] of STEPS) {
    if (!signalIfAlive(pid, signal)) return;
    // One that was stopped (SIGSTOP) hears nothing until it goes on.
    signalIfAlive(pid, 'SIGCONT');
    if (await countdown.ends(exited, { reserveMs })) return;
    log.warn(`the embedded PostgreSQL (pid ${pid}) does not stop after ${signal}: going on harder`);
  }
  await killPostmaster(postmaster);
}

/**
 * Without its children, which do not notice when they are stopped themselves, no next one would be able to
 * start.
 */
export async function killPostmaster({ pid, exited }: Stoppable): Promise<void> {
  if (await hasEnded(exited)) return;
  await killAll([pid, ...childrenOf(pid)]);
  await exited;
}

/**
 * What an earlier postmaster of this cluster left behind when it was killed, and what has not noticed since,
 * as a session that was stopped (SIGSTOP) or computes. No postmaster of another process has it as its child.
 */
export async function killOrphans(dataFolder: FolderIdentity, log: Log): Promise<void> {
  let orphans: readonly number[];
  try {
    orphans = await orphansAt(dataFolder);
  } catch (error) {
    log.warn(`cannot tell whether processes of an earlier PostgreSQL still run: ${errorMessage(error)}`);
    return;
  }
  if (orphans.length === 0) return;
  log.warn(`processes of an earlier PostgreSQL (pid ${orphans.join(', ')}) still run: they are killed`);
  await killAll(orphans);
}

async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) signalIfAlive(pid, 'SIGKILL');
  while (pids.some(isProcessAlive)) await delay(LOOK_MS);
}

const hasEnded = async (exited: Promise<unknown>): Promise<boolean> =>
  (await withAllowance(0, exited)).hasEnded;
