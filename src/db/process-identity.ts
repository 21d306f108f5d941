// Is the process with this id still the one that wrote it down? A pid alone does not say: it is reused.
import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';

/** `maybe`: it lives, and nothing that we may read says what it is. */
export type Identity = 'yes' | 'no' | 'maybe';

/** What /proc tells of a process; each throws as `node:fs` does. */
export interface ProcessFiles {
  workingFolder(pid: number): string;
  /** Its arguments, each ended by a zero byte. */
  commandLine(pid: number): string;
}

const PROC: ProcessFiles = {
  workingFolder: (pid) => readlinkSync(`/proc/${pid}/cwd`),
  commandLine: (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
};

/**
 * Start time of a living process in clock ticks since boot (field 22 of `/proc/<pid>/stat`, proc(5)), or `'?'`
 * where there is no /proc, or it hides the process from us. Undefined when no such process lives; a zombie is dead.
 */
export function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return signalReaches(pid) ? '?' : undefined;
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return signalReaches(pid) ? '?' : undefined;
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
export async function isPostmasterOf(pid: number, cluster: string): Promise<Identity> {
  if (!isAlive(pid)) return 'no';
  if (process.platform === 'linux') return identify(pid, cluster, PROC);
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes(cluster) ? 'yes' : 'no';
}

/**
 * The working folder of another account's process is closed to root without CAP_SYS_PTRACE, which is how
 * containers run; its arguments (`postgres -D <cluster>`) are open to all, unless /proc is mounted with
 * `hidepid`.
 */
export function identify(pid: number, cluster: string, files: ProcessFiles): Identity {
  try {
    return files.workingFolder(pid) === cluster ? 'yes' : 'no';
  } catch (error) {
    if (!isRefusal(error)) return whenUnreadable(pid);
  }
  try {
    const args = files.commandLine(pid).split('\0');
    return args.some((arg, at) => arg === '-D' && args[at + 1] === cluster) ? 'yes' : 'no';
  } catch {
    return whenUnreadable(pid);
  }
}

const isRefusal = (error: unknown): boolean =>
  ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** It has ended meanwhile, or it is hidden. */
const whenUnreadable = (pid: number): Identity => (isAlive(pid) ? 'maybe' : 'no');

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
