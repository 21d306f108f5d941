// Is the process with this id still the one that wrote it down? A pid alone does not say: it is reused.
import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Start time of a living process in clock ticks since boot (field 22 of `/proc/<pid>/stat`, proc(5)), or `'?'`
 * where there is no /proc. Undefined when no such process lives; a zombie is dead.
 */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return signalReaches(pid) ? '?' : undefined;
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

export function isAlive(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}

/** @returns false when there is no such process any more @throws Error when it may not be signalled */
export function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Changes with every boot, so that a pid and start time from before a reboot match nothing. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '?';
  }
}

/** The postmaster of a cluster has changed into its data folder: that tells it from a reused pid. */
export async function isPostmasterOf(pid: number, cluster: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (process.platform === 'linux') {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === cluster;
    } catch {
      return false; // gone meanwhile, or another account's: in neither case one we started
    }
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes(cluster);
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
