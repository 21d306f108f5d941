// The slot of pm2 that this process runs in: its name, which differs from that of every other slot, and a
// folder in which the processes of a slot find each other if they have no DATA_DIR in common.
//
// pm2 starts each app under a number, `pm_id`. On `pm2 reload` it starts a new process with the same number
// while the old one still runs.
import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '../config/environment.js';

/**
 * Name of a slot. Two daemons of pm2 count their apps alike, so `pm_id` alone does not name a slot. The
 * daemon is identified by its home and, in cluster mode, by its pid: in that mode it is the parent of this
 * process, and only in that mode do two processes of a slot live side by side.
 * @param daemonPid undefined where another process may be between the daemon and this one, as npm is in fork
 *   mode
 */
export function slotName(
  pmId: string,
  env: Environment = process.env,
  daemonPid: number | undefined = cluster.isWorker ? process.ppid : undefined,
): string {
  const { PM2_HOME: home, pm_pid_path: pidFile } = env;
  const daemon = home ?? (pidFile === undefined ? '' : dirname(pidFile));
  return [pmId, daemonPid ?? '', daemon].join(' ');
}

/**
 * Folder of a slot: the same one for all processes that one daemon starts under one `pm_id`. It is beside the
 * pid file that pm2 names, in pm2's home. A process that runs under another account may not be able to write
 * there; its folder is in the run-time directory.
 */
export function slotDirectory(
  pmId: string,
  env: Environment = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  const { pm_pid_path: pidFile } = env;
  if (pidFile !== undefined && isWritable(dirname(pidFile))) {
    return join(dirname(pidFile), `multilane-slot-${pmId}`);
  }
  const slot = `${uid} ${env.PM2_HOME ?? ''} ${pmId}`;
  const name = `multilane-pm2-${createHash('sha256').update(slot).digest('hex').slice(0, 16)}`;
  const candidates = [env.XDG_RUNTIME_DIR, uid === 0 ? '/run' : `/run/user/${uid}`];
  const runtime = candidates.find((folder) => folder?.startsWith('/') === true && existsSync(folder));
  return join(runtime ?? '/tmp', name);
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
