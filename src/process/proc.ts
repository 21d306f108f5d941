// What Linux shows of processes below /proc (proc(5)): state, parent, start time, working folder, arguments.
//
// A process may end between two reads, /proc may hide it (`hidepid`), and opening a file may fail for want of
// a file descriptor. So most functions return `undefined` for a process of which nothing can be read; their
// callers decide what that means. The numbers in /proc only mean something if it is the /proc of our own PID
// namespace, which `isOurProc` checks.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { undefinedOnError } from './undefined-on-error.js';

/** Whether there is a /proc and its numbers are those of this process's PID namespace. */
export const isOurProc = (): boolean =>
  undefinedOnError(() => readlinkSync('/proc/self')) === String(process.pid);

/**
 * The fields of a `stat` file from the third one on: state, parent, …; the 20th of them is the start time.
 */
function readStat(path: string): readonly string[] {
  const stat = readFileSync(path, 'latin1');
  // The second field is the name in parentheses and may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Fields of `/proc/<pid>/stat` from the third one on; undefined when they cannot be read. */
export const statOf = (pid: number): readonly string[] | undefined =>
  undefinedOnError(() => readStat(`/proc/${pid}/stat`));

/** Whether a state of `stat` is that of a process that has ended: a zombie (Z) or a dead one (X). */
export const isEnded = (state: string | undefined): boolean => state === 'Z' || state === 'X';

/** Parent of a living process; undefined when the process has ended or cannot be read. */
export function parentOf(pid: number): number | undefined {
  const fields = statOf(pid);
  return fields === undefined || isEnded(fields[0]) ? undefined : Number(fields[1]);
}

/** Living children of a process, as far as /proc shows them. */
export function childrenOf(parent: number): readonly number[] {
  return (undefinedOnError(allPids) ?? []).filter((pid) => parentOf(pid) === parent);
}

/** Whether the process is stopped, by SIGSTOP (T) or by a debugger (t). */
export const isStopped = (pid: number): boolean => isOurProc() && ['T', 't'].includes(statOf(pid)?.[0] ?? '');

/**
 * Processes that run a program of this name, as far as /proc shows them.
 * @throws Error when /proc cannot be read, as without a file descriptor
 */
export function processesOf(program: string): readonly number[] {
  const runs = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd() === program;
  return allPids().filter((pid) => undefinedOnError(() => runs(pid)));
}

/** All processes; none where /proc is not that of our PID namespace. */
function allPids(): readonly number[] {
  if (!isOurProc()) return [];
  return readdirSync('/proc').map(Number).filter(Number.isSafeInteger);
}

/** A path that leads to a process's working folder even if that was moved, or is mounted elsewhere for us. */
export const pathOfWorkingFolder = (pid: number): string => `/proc/${pid}/cwd`;

/** Present path of a process's working folder. @throws Error as `readlinkSync` does */
export const readWorkingFolder = (pid: number): string => readlinkSync(pathOfWorkingFolder(pid));

/** Present path of a process's working folder; undefined when it cannot be read. */
export const workingFolderOf = (pid: number): string | undefined =>
  isOurProc() ? undefinedOnError(() => readWorkingFolder(pid)) : undefined;

/** Arguments of a process, each ended by a zero byte. @throws Error as `readFileSync` does */
export const readCommandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

/** Whether the arguments of a process, or the title that it has set in their place, begin with this text. */
export const isTitled = (pid: number, begin: string): boolean =>
  undefinedOnError(() => readCommandLine(pid).startsWith(begin)) === true;

/** System threads of this process beside its main thread; none where there is no /proc or no descriptor. */
export const otherThreads = (): readonly string[] =>
  (undefinedOnError(() => readdirSync('/proc/self/task')) ?? []).filter(
    (thread) => thread !== String(process.pid),
  );

/** Whether a system thread of this process runs (R) or waits for a disk (D) at the moment. */
export function isThreadRunning(thread: string): boolean {
  const [state] = undefinedOnError(() => readStat(`/proc/self/task/${thread}/stat`)) ?? [];
  return state === 'R' || state === 'D';
}

/**
 * Reads the CPU time of a thread in whole microseconds, as of its last wake-up or tick of the scheduler;
 * undefined where the kernel does not count it.
 */
function cpuTimeUs(thread: 'self' | 'thread-self'): number | undefined {
  const text = undefinedOnError(() => readFileSync(`/proc/${thread}/schedstat`, 'latin1'));
  const nanoseconds = Number(text?.split(' ')[0]);
  return nanoseconds > 0 ? Math.round(nanoseconds / 1000) : undefined;
}

/** CPU time of the main thread of this process, in microseconds. */
export const mainThreadTimeUs = (): number | undefined => cpuTimeUs('self');

/** CPU time of the calling thread, in microseconds. */
export const ownThreadTimeUs = (): number | undefined => cpuTimeUs('thread-self');
