// Is the process with this pid the postmaster (PostgreSQL's main process) of a certain cluster, or has
// another program got the pid since? A postmaster changes into its data folder, which tells it from other
// processes.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isOurProc, readCommandLine, readWorkingFolder } from '../process/proc.js';
import { isProcessAlive, type ProcessIdentity, startTimeOf } from '../process/process-identity.js';

/** `maybe`: the process lives, and nothing that we may read tells what it is. */
export type PostmasterMatch = 'yes' | 'no' | 'maybe';

/** What /proc shows of a process; both functions throw as `node:fs` does. */
export interface ProcessFiles {
  workingFolder(pid: number): string;
  /** Arguments of the process, each ended by a zero byte. */
  commandLine(pid: number): string;
}

const PROC: ProcessFiles = { workingFolder: readWorkingFolder, commandLine: readCommandLine };

/**
 * Whether a process is the postmaster of a cluster. Where /proc is that of another PID namespace the answer
 * is `no`: a signal to its number would reach another process, or none.
 * @param dataFolder real path of the cluster's data folder
 */
export async function isPostmasterOf(pid: number, dataFolder: string): Promise<PostmasterMatch> {
  if (!isProcessAlive(pid)) return 'no';
  if (process.platform === 'linux') return isOurProc() ? matchPostmaster(pid, dataFolder, PROC) : 'no';
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes(dataFolder) ? 'yes' : 'no';
}

/**
 * Whether a process that was found to be a postmaster still lives, wherever its folder is by now. If its
 * start time is not known, it is judged by its folder again.
 */
export async function isStillPostmaster(
  { pid, startTime }: Pick<ProcessIdentity, 'pid' | 'startTime'>,
  dataFolder: string,
): Promise<boolean> {
  if (startTime === '?') return (await isPostmasterOf(pid, dataFolder)) !== 'no';
  const now = startTimeOf(pid);
  // '?': a process with this pid lives and cannot be read at the moment, as without a file descriptor.
  return now === startTime || now === '?';
}

/**
 * Compares the process's working folder, or else its arguments. The working folder of another account's
 * process cannot be read by root without CAP_SYS_PTRACE, which is how containers run; the arguments
 * (`postgres -D <cluster>`) can be read by everyone, unless /proc is mounted with `hidepid`.
 */
export function matchPostmaster(pid: number, dataFolder: string, files: ProcessFiles): PostmasterMatch {
  try {
    return files.workingFolder(pid) === dataFolder ? 'yes' : 'no';
  } catch (error) {
    if (!isPermissionDenied(error)) return matchUnreadable(pid);
  }
  try {
    const args = files.commandLine(pid).split('\0');
    return args.some((arg, at) => arg === '-D' && args[at + 1] === dataFolder) ? 'yes' : 'no';
  } catch {
    return matchUnreadable(pid);
  }
}

const isPermissionDenied = (error: unknown): boolean =>
  ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Judges a process of which nothing can be read: it has ended meanwhile, or it is hidden from us. */
const matchUnreadable = (pid: number): PostmasterMatch => (isProcessAlive(pid) ? 'maybe' : 'no');
