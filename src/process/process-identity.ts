// Which process is it? A pid alone does not say: pids are reused after an exit, after a reboot, and every
// container counts its own. A process is identified by its pid together with its start time, the boot of the
// kernel and its PID namespace.
import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { isEnded, isOurProc, statOf } from './proc.js';
import { undefinedOnError } from './undefined-on-error.js';

/** Position of the start time among the fields of `statOf`: field 22 of `/proc/<pid>/stat`. */
const START_TIME = 19;

export interface ProcessIdentity {
  readonly pid: number;
  /** See `startTimeOf`. */
  readonly startTime: string;
  /** Changes with every boot, so that a pid and start time from before a reboot match nothing. */
  readonly bootId: string;
  /** Processes of two PID namespaces, such as two containers, do not see each other. */
  readonly pidNamespace: string;
}

/** Identity of this process; a part that cannot be read is `'?'`. */
export function thisProcess(): ProcessIdentity {
  const { pid } = process;
  return {
    pid,
    startTime: startTimeOf(pid) ?? '?',
    bootId: undefinedOnError(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '?',
    // Behind a foreign /proc the namespace is made up, so that it equals no other one.
    pidNamespace: isOurProc() || process.platform !== 'linux' ? pidNamespace() : `unseen ${randomUUID()}`,
  };
}

/** PID namespace of this process; `'?'` on a system without them. */
const pidNamespace = (): string => undefinedOnError(() => readlinkSync('/proc/self/ns/pid')) ?? '?';

/**
 * Start time of a living process, in clock ticks since boot. Undefined when no such process lives; a zombie
 * does not live. `'?'` when the process lives and its start time cannot be read: there is no /proc of our PID
 * namespace, or it hides the process from us.
 */
export function startTimeOf(pid: number): string | undefined {
  const fields = isOurProc() ? statOf(pid) : undefined;
  if (fields === undefined) return mayExist(pid) ? '?' : undefined;
  return isEnded(fields[0]) ? undefined : fields[START_TIME];
}

export function isProcessAlive(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}

/** Whether a process may have this pid: all but "no such process" counts, because the system may refuse. */
function mayExist(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Sends a signal to a process that may have ended.
 * @returns false when there is no such process any more
 * @throws Error when the process may not be signalled
 */
export function signalIfAlive(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
