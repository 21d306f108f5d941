// The limit of open files. Servers and load tools inherit it from the harness, for which Node.js has raised
// the soft limit to the hard one when it started.
import { readFileSync } from 'node:fs';

/** What a server and a load tool have open beside their connections, with room to spare. */
const OTHERS = 500;

/** Infinity when there is none. */
export function openFileLimit(text = readFileSync('/proc/self/limits', 'utf8')): number {
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** @throws Error that names the needed limit, when so many connections to one server do not fit */
export function requireOpenFiles(connections: number, limit = openFileLimit()): void {
  const needed = connections + OTHERS;
  if (connections === 0 || limit >= needed) return;
  throw new Error(
    `${connections} connections need ${needed} open files, but the limit is ${limit}: raise it (ulimit -n ${needed}), or measure fewer connections`,
  );
}
