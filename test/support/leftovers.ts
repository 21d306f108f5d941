// Finds and ends the processes of one data folder by proc(5): a process belongs to it by a working directory
// inside it (PostgreSQL) or by DATA_DIR in its environment (Multilane). No other process is ever signalled.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';
import { signalIfAlive } from '#src/process/process-identity.js';
import { until } from './until.js';

const ORDERLY_MS = 5000;

const attempt = (read: () => string): string => {
  try {
    return read();
  } catch {
    return ''; // the process has ended meanwhile
  }
};

const stateOf = (pid: string): string => {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
};

function belongs(pid: string, dataDir: string): boolean {
  const cwd = attempt(() => readlinkSync(`/proc/${pid}/cwd`));
  if (cwd === dataDir || cwd.startsWith(dataDir + sep)) return true;
  return attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))
    .split('\0')
    .includes(`DATA_DIR=${dataDir}`);
}

const pidsOf = (dataDir: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => !['', 'Z', 'X'].includes(stateOf(pid)) && belongs(pid, dataDir))
    .map(Number);

/**
 * The processes of a data folder, as `pid command line`. A process without a command line is omitted: it has
 * released its memory and is ending.
 */
export const leftovers = (dataDir: string): string[] =>
  pidsOf(dataDir).flatMap((pid) => {
    const command = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    return command === '' ? [] : [`${pid} ${command.replaceAll('\0', ' ').trim()}`];
  });

/**
 * The main processes of PostgreSQL that belong to the data folder, awaited until there are `count`: a child
 * of PostgreSQL has the command line of its parent until it has set its own.
 */
export const postmasters = (dataDir: string, count: number): Promise<readonly string[]> =>
  until(
    () => leftovers(dataDir).filter((line) => line.includes(' -D ')),
    (found) => found.length === count,
    2_000,
  );

/** Waits until no process of the data folder runs. @returns those that still run after `ms` */
export async function remaining(dataDir: string, ms: number): Promise<string[]> {
  await until(
    () => pidsOf(dataDir),
    (pids) => pids.length === 0,
    ms,
  ).catch(() => undefined); // the caller gets those that still run
  return leftovers(dataDir);
}

/** Ends all processes of the data folder: by SIGINT (PostgreSQL's fast shutdown), after 5 s by SIGKILL. */
export async function reap(dataDir: string): Promise<void> {
  for (const name of ['SIGINT', 'SIGKILL'] as const) {
    const pids = pidsOf(dataDir);
    if (pids.length === 0) return;
    for (const pid of pids) signalIfAlive(pid, name);
    if ((await remaining(dataDir, ORDERLY_MS)).length === 0) return;
  }
}
