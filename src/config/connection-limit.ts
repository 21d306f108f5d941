// MAX_CONNECTIONS: what the limit of open files leaves for connections, by default and at most.
import { ConfigError } from '../errors.js';
import type { Machine } from './setting.js';

/** What Linux lets a process open unless told otherwise (fs.nr_open). */
export const MOST_CONNECTIONS = 1_048_576;
/** Fewer are too few to serve with. */
const LEAST_CONNECTIONS = 64;
const SHARE_OF_FILES = 0.9;
/** Files that the process needs beside connections: in all, and for each worker. */
export const KEPT_FILES = 128;
const KEPT_FILES_PER_WORKER = 16;

/**
 * The smaller of nine tenths of the open-file limit and that limit - 128 - 16 x workers.
 * @throws ConfigError when that is under 64
 */
export function defaultMaxConnections({
  openFiles,
  workers,
}: Pick<Machine, 'openFiles' | 'workers'>): number {
  const kept = keptFiles(workers);
  const most = Math.min(MOST_CONNECTIONS, Math.floor(SHARE_OF_FILES * openFiles), openFiles - kept);
  if (most >= LEAST_CONNECTIONS) return most;
  throw new ConfigError(
    `MAX_CONNECTIONS: the limit of ${openFiles} open files leaves ${Math.max(0, most)} connections, and ` +
      `${LEAST_CONNECTIONS} are the least that is set by default; raise the limit to at least ` +
      `${kept + LEAST_CONNECTIONS} (ulimit -n, LimitNOFILE=) for WORKERS ${workers}, or set MAX_CONNECTIONS`,
  );
}

/**
 * @param as how MAX_CONNECTIONS was spelled
 * @throws ConfigError when so many connections leave fewer than 128 + 16 x workers files for everything else
 */
export function checkMaxConnections(
  maxConnections: number,
  { openFiles, workers }: Pick<Machine, 'openFiles' | 'workers'>,
  as: string,
): void {
  const kept = keptFiles(workers);
  if (maxConnections + kept <= openFiles) return;
  throw new ConfigError(
    `${as}: ${maxConnections} connections leave ${openFiles - maxConnections} of ${openFiles} open files, and the process ` +
      `needs ${KEPT_FILES} + ${KEPT_FILES_PER_WORKER} x WORKERS = ${kept} beside them; set at most ` +
      `${Math.max(0, openFiles - kept)}, or raise the limit to at least ${maxConnections + kept} (ulimit -n, LimitNOFILE=)`,
  );
}

const keptFiles = (workers: number): number => KEPT_FILES + KEPT_FILES_PER_WORKER * workers;

/** @throws ConfigError when the process cannot start with this limit, whatever its settings are */
export function checkOpenFiles(openFiles: number): void {
  const least = KEPT_FILES + KEPT_FILES_PER_WORKER + LEAST_CONNECTIONS;
  if (openFiles >= least) return;
  throw new ConfigError(
    `MAX_CONNECTIONS: a limit of ${openFiles} open files is too low for any number of connections; raise it to at least ` +
      `${least} (ulimit -n, LimitNOFILE=)`,
  );
}
