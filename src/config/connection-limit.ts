// MAX_CONNECTIONS: its default and its maximum follow from the limit of open files.
import { ConfigError } from '../errors.js';
import type { MachineFacts } from './setting.js';

/** The most files that Linux allows a process to open by default (fs.nr_open). */
export const MOST_CONNECTIONS = 1_048_576;
/** The smallest default: with fewer connections the process cannot serve reasonably. */
const LEAST_CONNECTIONS = 64;
const SHARE_OF_FILES = 0.9;
/**
 * Files that the process needs for everything but connections, in addition to those of each worker. Those of
 * the first gRPC worker are among them.
 */
export const KEPT_FILES = 128;
const KEPT_FILES_PER_WORKER = 16;

/** The smallest usable limit: with fewer open files even the modules of the services may fail to load. */
const LEAST_OPEN_FILES = KEPT_FILES + KEPT_FILES_PER_WORKER + LEAST_CONNECTIONS;

type Facts = Pick<MachineFacts, 'openFiles' | 'workers' | 'grpcWorkers'>;

interface ConfiguredConnections {
  /** MAX_CONNECTIONS; undefined: the default applies. */
  readonly maxConnections: number | undefined;
}

/**
 * The default: the smaller of nine tenths of the open-file limit and that limit - 128 - 16 x workers, with
 * all gRPC workers but the first.
 * @throws ConfigError when that is under 64
 */
export function defaultMaxConnections(facts: Facts): number {
  const { openFiles } = facts;
  const left = openFiles - keptFiles(facts);
  const most = Math.min(MOST_CONNECTIONS, Math.floor(SHARE_OF_FILES * openFiles), left);
  if (most >= LEAST_CONNECTIONS) return most;
  const canBeSet = openFiles >= LEAST_OPEN_FILES && left > 0;
  throw new ConfigError(
    `MAX_CONNECTIONS: the limit of ${openFiles} open files leaves ${Math.max(0, most)} connections, and ` +
      `${LEAST_CONNECTIONS} are the least that is set by default; ${raised(facts, LEAST_CONNECTIONS)}` +
      (canBeSet ? `, or set MAX_CONNECTIONS to at most ${left}` : ''),
  );
}

/**
 * Checks a value against the limit of open files.
 * @param as the name by which MAX_CONNECTIONS was set, for messages
 * @throws ConfigError when the connections leave fewer than 128 + 16 x workers files for everything else, and
 *   when the limit of open files is too low for any number of connections
 */
export function checkMaxConnections(maxConnections: number, facts: Facts, as: string): void {
  const { openFiles, grpcWorkers = 1 } = facts;
  const kept = keptFiles(facts);
  const left = openFiles - kept;
  if (openFiles < LEAST_OPEN_FILES) throw tooFewOpenFiles({ ...facts, maxConnections });
  const ofGrpc = grpcWorkers > 1 ? ` + ${KEPT_FILES_PER_WORKER} x (GRPC_WORKERS - 1)` : '';
  if (maxConnections <= left) return;
  throw new ConfigError(
    `${as}: ${maxConnections} connections leave ${openFiles - maxConnections} of ${openFiles} open files, and the process ` +
      `needs ${KEPT_FILES} + ${KEPT_FILES_PER_WORKER} x WORKERS${ofGrpc} = ${kept} beside them; ` +
      `${left > 0 ? `set at most ${left}, or ` : ''}${raised(facts, maxConnections)}`,
  );
}

/** The error of a process whose limit of open files is too low to start. */
export function tooFewOpenFiles(facts: Facts & ConfiguredConnections): ConfigError {
  return new ConfigError(
    `MAX_CONNECTIONS: a limit of ${facts.openFiles} open files is too low for any number of connections; ` +
      raised(facts, facts.maxConnections ?? LEAST_CONNECTIONS),
  );
}

/** Whether the limit is so low that modules may fail to load because of it. */
export const isTooFewOpenFiles = (openFiles: number): boolean => openFiles < LEAST_OPEN_FILES;

/** The advice to raise the limit, with the smallest limit that is sufficient. */
function raised(facts: Omit<Facts, 'openFiles'>, connections: number): string {
  const least = Math.max(LEAST_OPEN_FILES, keptFiles(facts) + connections);
  const { workers, grpcWorkers = 1 } = facts;
  const ofGrpc = grpcWorkers > 1 ? ` and GRPC_WORKERS ${grpcWorkers}` : '';
  return `raise the limit to at least ${least} (ulimit -n, LimitNOFILE=) for WORKERS ${workers}${ofGrpc}`;
}

/** Files that neither the connections of the data plane nor the rest of the process need. */
export const spareFiles = ({
  maxConnections,
  ...facts
}: Facts & { readonly maxConnections: number }): number =>
  facts.openFiles - keptFiles(facts) - maxConnections;

const keptFiles = ({ workers, grpcWorkers = 1 }: Omit<Facts, 'openFiles'>): number =>
  KEPT_FILES + KEPT_FILES_PER_WORKER * (workers + grpcWorkers - 1);
