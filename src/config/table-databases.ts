// The settings of the databases.
import { postgresUrl } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { onOff, path, whole } from './setting-kinds.js';

const MS = { unit: 'ms' };
const HOUR_MS = 3_600_000;

export const DATABASE_SETTINGS = {
  DATABASE_URL: optional(
    postgresUrl,
    'embedded',
    'PostgreSQL server. Each service uses a database with its own name there. A missing one is created through the ' +
      "database in the URL's path. Without this setting an embedded server runs in `DATA_DIR`.",
  ),
  DATABASE_POOL_MAX: optional(
    whole(1, 10_000),
    '2 x `WORKERS` x databases, at most the max_connections of the server - 10',
    'Connections of the whole process to all databases: at least the number of databases plus the number of services ' +
      'with sagas, because the primary reads each saga journal through a connection of its own. With fewer than one ' +
      'connection per such service and worker, sagas may lose their leases under load.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(
    whole(1, HOUR_MS),
    5000,
    'Longest duration of a statement outside of a transaction.',
    MS,
  ),
  DATABASE_PREPARE: withDefault(
    onOff,
    true,
    'Use of named prepared statements, read-only sessions and a time limit on the server; set `off` behind poolers ' +
      'that do not keep sessions. With `off` a statement that exceeds its limit is cancelled by this process, 2 s ' +
      'later, and a read whose connection is lost is not retried.',
  ),
  DATA_DIR: withDefault(
    path,
    './data',
    'Folder of the embedded PostgreSQL, of the lock that prevents a second process from using it, and of ' +
      '`flight/`, a record of the requests in flight that may be deleted.',
  ),
} satisfies Table;
