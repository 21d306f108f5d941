// A slot of pm2: its name, which tells it from all others, and where its processes find each other when they
// have no DATA_DIR in common.
import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '../config/environment.js';

/**
 * Two daemons of pm2 count their apps alike, so a `pm_id` alone names no slot. The daemon is known by its
 * home and, in cluster mode, by its process: that is our parent there, and only there do two processes of a
 * slot live side by side.
 * @param daemonPid undefined where another process may be between the daemon and us, as npm is in fork mode
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
 * The same folder for all that one daemon of pm2 starts under one `pm_id`: beside the pid file that pm2
 * names, in its home. A program that pm2 starts under another account may not write there; it gets one in the
 * run-time directory.
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
