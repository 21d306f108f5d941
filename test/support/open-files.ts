// Takes file descriptors away from this process, for a moment, or from another one.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { openFileLimit } from '#src/config/open-file-limit.js';

/** Whether prlimit(1) of util-linux is installed. */
export const canLimitFiles = (): boolean => spawnSync('prlimit', ['--version']).status === 0;

/** Numbers of the descriptors that a process has open. */
export const descriptorsOf = (pid: number): readonly number[] => readdirSync(`/proc/${pid}/fd`).map(Number);

/** Paths of the files that a process has open. */
export const openPathsOf = (pid: number): readonly string[] =>
  descriptorsOf(pid).flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
    } catch {
      return []; // closed meanwhile
    }
  });

/** Makes the process unable to open descriptors with this number or a higher one. Open ones stay open. */
export function limitFiles(pid: number, limit: number): void {
  const { status, error } = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`], {
    stdio: 'ignore',
  });
  if (status !== 0) throw error ?? new Error(`prlimit ended with ${status}`);
}

/** Leaves a process this number of descriptors beside those that it has open. */
export function leaveFiles(pid: number, count: number): void {
  const open = new Set(descriptorsOf(pid));
  let limit = 0;
  for (let free = 0; free < count; limit++) if (!open.has(limit)) free++;
  limitFiles(pid, limit);
}

/** Runs `work` while the process of the test can open no file. */
export async function withoutFiles<T>(work: () => Promise<T> | T): Promise<T> {
  const limit = openFileLimit();
  const opened: number[] = [];
  // The program that sets the limit needs some descriptors: the limit leaves a few, which are opened here.
  leaveFiles(process.pid, 32);
  try {
    for (;;) opened.push(openSync('/dev/null', 'r'));
  } catch {}
  try {
    return await work();
  } finally {
    for (const file of opened) closeSync(file);
    limitFiles(process.pid, limit);
  }
}
