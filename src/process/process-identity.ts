// Is the process with this id still the one that wrote it down? A pid alone does not say: it is reused.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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
  workingFolder: (pid) => readlinkSync(pathOfWorkingFolder(pid)),
  commandLine: (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
};

/**
 * Start time of a living process in clock ticks since boot (field 22 of `/proc/<pid>/stat`, proc(5)), or
 * `'?'` where there is no /proc of our PID namespace, or it hides the process from us. Undefined when no such
 * process lives; a zombie is dead.
 */
export function startTimeOf(pid: number): string | undefined {
  if (!isOurProc()) return signalReaches(pid) ? '?' : undefined;
  const fields = attempt(() => statOf(pid));
  if (fields === undefined) return signalReaches(pid) ? '?' : undefined;
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

/** From the third field of `/proc/<pid>/stat` on: state, parent, … */
function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in parentheses and may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Its children that live, as far as /proc shows them. */
export function childrenOf(parent: number): readonly number[] {
  return (attempt(allPids) ?? []).filter((pid) => parentOf(pid) === parent);
}

/** The folder that a process works in, by its present path; undefined where the kernel does not tell. */
export const workingFolderOf = (pid: number): string | undefined =>
  isOurProc() ? attempt(() => PROC.workingFolder(pid)) : undefined;

/**
 * The processes of a program, as far as /proc shows them.
 * @throws Error when /proc cannot be read, as without a file descriptor
 */
export function processesOf(program: string): readonly number[] {
  const runs = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() === program;
  return allPids().filter((pid) => attempt(() => runs(pid)));
}

/** A path to the folder that a process works in, also when that was moved, or is mounted elsewhere for us. */
export const pathOfWorkingFolder = (pid: number): string => `/proc/${pid}/cwd`;

/** Whether its arguments, or the title that it has given itself in their place, begin so. */
export const isTitled = (pid: number, begin: string): boolean =>
  attempt(() => PROC.commandLine(pid).startsWith(begin)) === true;

/** By SIGSTOP, or by a debugger. */
export const isStopped = (pid: number): boolean =>
  isOurProc() && ['T', 't'].includes(attempt(() => statOf(pid))?.[0] ?? '');

/** None where /proc is not that of our namespace. */
function allPids(): readonly number[] {
  if (!isOurProc()) return [];
  return readdirSync('/proc').map(Number).filter(Number.isSafeInteger);
}

/** Undefined when it has ended, or is not seen. */
export const parentOf = (pid: number): number | undefined => {
  const [state, parent] = attempt(() => statOf(pid)) ?? [];
  return state === 'Z' || state === 'X' ? undefined : Number(parent);
};

export function isAlive(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}

/** @returns false when there is no such process any more @throws Error when it may not be signalled */
export function signalIfAlive(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** What tells a process from all others, also from those that have its pid elsewhere or later. */
export interface ProcessName {
  readonly pid: number;
  /** See `startTimeOf`. */
  readonly startTime: string;
  /** Changes with every boot, so that a pid and start time from before a reboot match nothing. */
  readonly bootId: string;
  /** Processes of two namespaces, such as two containers, do not see each other. */
  readonly pidNamespace: string;
}

export function thisProcess(): ProcessName {
  const { pid } = process;
  return {
    pid,
    startTime: startTimeOf(pid) ?? '?',
    bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '?',
    pidNamespace: isOurProc() || process.platform !== 'linux' ? pidNamespace() : `unseen ${randomUUID()}`,
  };
}

/**
 * Whether there is a /proc, and its numbers are those of our PID namespace: of another one's no pid means
 * ours.
 */
export const isOurProc = (): boolean => attempt(() => readlinkSync('/proc/self')) === String(process.pid);

/** `'?'` where there are none. */
const pidNamespace = (): string => attempt(() => readlinkSync('/proc/self/ns/pid')) ?? '?';

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/**
 * The postmaster of a cluster has changed into its data folder: that tells it from a reused pid. One that is
 * seen in the /proc of another PID namespace is none of ours: a signal to its number would reach another
 * process, or none.
 */
export async function isPostmasterOf(pid: number, cluster: string): Promise<Identity> {
  if (!isAlive(pid)) return 'no';
  if (process.platform === 'linux') return isOurProc() ? identify(pid, cluster, PROC) : 'no';
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes(cluster) ? 'yes' : 'no';
}

/**
 * Whether a process that was seen to be a postmaster still lives, wherever its folder is by now. Where its
 * start time is not known, its identity has to do.
 */
export async function isStillPostmaster(
  { pid, startTime }: Pick<ProcessName, 'pid' | 'startTime'>,
  cluster: string,
): Promise<boolean> {
  if (startTime === '?') return (await isPostmasterOf(pid, cluster)) !== 'no';
  const now = startTimeOf(pid);
  // It lives and cannot be read at the moment, as without a file descriptor.
  return now === startTime || now === '?';
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
