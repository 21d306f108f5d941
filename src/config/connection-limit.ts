// MAX_CONNECTIONS: what the limit of open files leaves for connections, by default and at most.
import { ConfigError } from '../errors.js';
import type { MachineFacts } from './setting.js';

/** What Linux lets a process open unless told otherwise (fs.nr_open). */
export const MOST_CONNECTIONS = 1_048_576;
/** Fewer are too few to serve with. */
const LEAST_CONNECTIONS = 64;
const SHARE_OF_FILES = 0.9;
/** Files that the process needs beside connections: in all, and for each worker. */
export const KEPT_FILES = 128;
const KEPT_FILES_PER_WORKER = 16;

/** With fewer open files not even the modules of the services can be relied on to load. */
const LEAST_OPEN_FILES = KEPT_FILES + KEPT_FILES_PER_WORKER + LEAST_CONNECTIONS;

type Facts = Pick<MachineFacts, 'openFiles' | 'workers'>;

interface SetConnections {
  /** MAX_CONNECTIONS; undefined: the default. */
  readonly maxConnections: number | undefined;
}

/**
 * The smaller of nine tenths of the open-file limit and that limit - 128 - 16 x workers.
 * @throws ConfigError when that is under 64
 */
export function defaultMaxConnections({ openFiles, workers }: Facts): number {
  const left = openFiles - keptFiles(workers);
  const most = Math.min(MOST_CONNECTIONS, Math.floor(SHARE_OF_FILES * openFiles), left);
  if (most >= LEAST_CONNECTIONS) return most;
  const canBeSet = openFiles >= LEAST_OPEN_FILES && left > 0;
  throw new ConfigError(
    `MAX_CONNECTIONS: the limit of ${openFiles} open files leaves ${Math.max(0, most)} connections, and ` +
      `${LEAST_CONNECTIONS} are the least that is set by default; ${raised(workers, LEAST_CONNECTIONS)}` +
      (canBeSet ? `, or set MAX_CONNECTIONS to at most ${left}` : ''),
  );
}

/**
 * @param as how MAX_CONNECTIONS was spelled
 * @throws ConfigError when so many connections leave fewer than 128 + 16 x workers files for everything else,
 *   and when the limit is too low for any number of them
 */
export function checkMaxConnections(maxConnections: number, { openFiles, workers }: Facts, as: string): void {
  const kept = keptFiles(workers);
  const left = openFiles - kept;
  if (openFiles < LEAST_OPEN_FILES) throw tooFewOpenFiles({ openFiles, workers, maxConnections });
  if (maxConnections <= left) return;
  throw new ConfigError(
    `${as}: ${maxConnections} connections leave ${openFiles - maxConnections} of ${openFiles} open files, and the process ` +
      `needs ${KEPT_FILES} + ${KEPT_FILES_PER_WORKER} x WORKERS = ${kept} beside them; ` +
      `${left > 0 ? `set at most ${left}, or ` : ''}${raised(workers, maxConnections)}`,
  );
}

/** Why a process with fewer than 208 open files does not start. */
export function tooFewOpenFiles({ openFiles, workers, maxConnections }: Facts & SetConnections): ConfigError {
  return new ConfigError(
    `MAX_CONNECTIONS: a limit of ${openFiles} open files is too low for any number of connections; ` +
      raised(workers, maxConnections ?? LEAST_CONNECTIONS),
  );
}

/** Whether so few files may be why modules cannot be loaded. */
export const isTooFewOpenFiles = (openFiles: number): boolean => openFiles < LEAST_OPEN_FILES;

/** What to do: the number is the smallest limit with which the start is not refused. */
function raised(workers: number, connections: number): string {
  const least = Math.max(LEAST_OPEN_FILES, keptFiles(workers) + connections);
  return `raise the limit to at least ${least} (ulimit -n, LimitNOFILE=) for WORKERS ${workers}`;
}

const keptFiles = (workers: number): number => KEPT_FILES + KEPT_FILES_PER_WORKER * workers;
