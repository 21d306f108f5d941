// The number of files and sockets that this process may have open. Node.js raises its soft limit to the hard
// limit when it starts.
import { readFileSync } from 'node:fs';

/** The result where there is no limit or none is known: practically no limit. */
const UNKNOWN = Number.MAX_SAFE_INTEGER;

/** @param limits content of the file `limits` of proc(5); undefined where it does not exist */
export function openFilesIn(limits: string | undefined): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits ?? '') ?? [];
  return soft === undefined ? UNKNOWN : Number(soft);
}

export function openFileLimit(): number {
  if (process.platform !== 'linux') return UNKNOWN;
  return openFilesIn(readFileSync('/proc/self/limits', 'utf8'));
}
