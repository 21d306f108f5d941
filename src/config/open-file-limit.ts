// How many files and sockets this process may have open. Node raises its soft limit to the hard one when it
// starts.
import { readFileSync } from 'node:fs';

/** Where the limit cannot be read: as good as none. */
const UNKNOWN = Number.MAX_SAFE_INTEGER;

/** @param limits text of proc(5) `limits`, undefined where there is none */
export function openFilesIn(limits: string | undefined): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits ?? '') ?? [];
  return soft === undefined ? UNKNOWN : Number(soft);
}

export function openFileLimit(): number {
  if (process.platform !== 'linux') return UNKNOWN;
  return openFilesIn(readFileSync('/proc/self/limits', 'utf8'));
}
