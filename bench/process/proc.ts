// Reads from proc(5) what Linux reports about a process, without involving the process itself.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const UTIME = 14;
const STIME = 15;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU time in microseconds, in steps of one clock tick (usually 10 ms). */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

/** CPU time of all threads of a process, running and ended. */
export function cpuTime(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name is in parentheses and may contain spaces, so fields are counted after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const microseconds = (field: number): number => (Number(fields[field - 3]) * 1_000_000) / ticksPerSecond;
  return { user: microseconds(UTIME), system: microseconds(STIME) };
}

/** Proportional set size in MiB: shared pages count by their share. */
export function pssMiB(pid: number): number {
  const found = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`no Pss in /proc/${pid}/smaps_rollup`);
  return Number(found) / 1024;
}
