// Reads from proc(5) what Linux reports about a process and all its descendants, without involving them. A
// server may be several processes (a cluster, a database beside it), so every figure is that of the tree.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

// Numbers of the fields in proc_pid_stat(5).
const PPID = 4;
const UTIME = 14;
const STIME = 15;
const CUTIME = 16;
const CSTIME = 17;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
export const US_PER_TICK = 1_000_000 / ticksPerSecond;

/** CPU time in microseconds, in steps of one clock tick (usually 10 ms). */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

/** The numeric fields of /proc/PID/stat by their number in the manual page. */
export function statFields(stat: string): (field: number) => number {
  // The command's name is in parentheses and may contain spaces, so fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (field) => Number(fields[field - 3]);
}

/** undefined when the process has ended. */
function statOf(pid: number | 'self'): ((field: number) => number) | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text === undefined ? undefined : statFields(text);
}

/** undefined when there is no such file (any more). */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The process and its descendants, parents first. @param parents the parent of every process */
export function descendants(root: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const tree = [root];
  // Elements are appended while the loop runs, so it visits every generation.
  for (const parent of tree) for (const [pid, ppid] of parents) if (ppid === parent) tree.push(pid);
  return tree;
}

export function treeOf(root: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) parents.set(Number(name), stat(PPID));
  }
  return descendants(root, parents);
}

/**
 * CPU time of all threads of a process and its descendants, running and ended. A child that has ended counts
 * through its parent, which has waited for it.
 */
export function cpuTime(root: number): CpuTime {
  let user = 0;
  let system = 0;
  for (const pid of treeOf(root)) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    user += stat(UTIME) + stat(CUTIME);
    system += stat(STIME) + stat(CSTIME);
  }
  return { user: user * US_PER_TICK, system: system * US_PER_TICK };
}

/**
 * Nanoseconds that each thread of the tree has run, by `PID/TID`. Unlike `cpuTime` it is exact, but a thread
 * takes its time with it when it ends.
 */
export function threadTimes(root: number): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const pid of treeOf(root)) {
    for (const tid of tasksOf(pid)) {
      const text = textOf(`/proc/${pid}/task/${tid}/schedstat`);
      if (text !== undefined) times.set(`${pid}/${tid}`, Number(text.split(' ')[0]));
    }
  }
  return times;
}

function tasksOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // it has ended
  }
}

/** Busy CPU time of the whole machine in microseconds, with what other machines of its host took away. */
export function machineBusy(text = readFileSync('/proc/stat', 'utf8')): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
    /^cpu +(.+)$/m.exec(text)?.[1]?.split(' ').map(Number) ?? [];
  return (user + nice + system + irq + softirq + steal) * US_PER_TICK;
}

/** CPU time of this process and of its ended children, in microseconds. */
export function ownCpu(): number {
  const stat = statOf('self')!;
  return (stat(UTIME) + stat(STIME) + stat(CUTIME) + stat(CSTIME)) * US_PER_TICK;
}

/** Proportional set size in MiB of a process and its descendants: shared pages count by their share. */
export function pssMiB(root: number): number {
  return treeOf(root).reduce((sum, pid) => sum + pssOf(pid, pid === root), 0) / 1024;
}

function pssOf(pid: number, mustExist: boolean): number {
  const found = /^Pss:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  if (found === undefined && mustExist) throw new Error(`bench: no Pss in /proc/${pid}/smaps_rollup`);
  return Number(found ?? 0); // a child may have ended between the two readings
}
