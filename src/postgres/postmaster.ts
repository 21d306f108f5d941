// What the files about a running postmaster (the main process of PostgreSQL) have in common: what is known of
// it, its settings, and how it is reached. `start-postmaster` starts one, `adopt-postmaster` takes over one
// that runs already, `postmaster-stop` stops it.
import { ROLE } from './embedded-cluster.js';

/** Part of the socket's name only: without a network address no other program can have this port. */
const PORT = 5432;
/** Name of the socket in the socket folder. */
export const SOCKET_FILE = `.s.PGSQL.${PORT}`;
const MAX_CONNECTIONS = 100;

/**
 * Settings of the server. Commits stay durable: fsync, synchronous_commit and full_page_writes keep their
 * defaults. The others are for a small machine that the database shares with Multilane: no network, no
 * replication, few and short queries.
 */
export const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  port: String(PORT),
  max_connections: String(MAX_CONNECTIONS),
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  timezone: 'UTC',
  // A statement whose client has died ends soon, instead of running to its end.
  client_connection_check_interval: '1s',
  cluster_name: 'multilane',
  log_line_prefix: '%m ',
  // Statements and values are not logged: a rejected insert would log its row, which may hold personal data.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
} as const;

export interface Postmaster {
  readonly pid: number;
  readonly socketDir: string;
  /** It was running already, and was not started by this process. */
  readonly adopted: boolean;
  /** It has the liveness socket of postgres-presence, as far as this process knows. */
  readonly hasLivenessSocket: boolean;
  readonly maxConnections: number;
  /** Resolves when the process has ended, with the signal or exit code. */
  readonly exited: Promise<string>;
}

/** URL of a database of the cluster. The socket folder is passed in the parameter `host`. */
export function socketUrl(socketDir: string, password: string, database = 'postgres'): string {
  return `postgresql://${ROLE}:${password}@localhost:${PORT}/${database}?host=${encodeURIComponent(socketDir)}`;
}
