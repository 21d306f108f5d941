// Settings of the databases.
import { postgresUrl } from './network-kinds.js';
import { optional, type Table, withDefault } from './setting.js';
import { onOff, path, whole } from './setting-kinds.js';

const MS = { unit: 'ms' };
const HOUR_MS = 3_600_000;

export const DATABASE_SETTINGS = {
  DATABASE_URL: optional(
    postgresUrl,
    'embedded',
    'PostgreSQL server. Each service uses a database of its own name there, created if missing through the ' +
      "database in the URL's path. Without it an embedded server runs in `DATA_DIR`.",
  ),
  DATABASE_POOL_MAX: optional(
    whole(1, 10_000),
    '2 x `WORKERS` x databases, at most the max_connections of the server - 10',
    'Connections of the whole process to all databases. It must be at least the number of databases plus the number of ' +
      'services with sagas, whose journal the primary reads by a connection of its own. With fewer than one for each of ' +
      'these services in each worker, sagas may lose their leases under load.',
  ),
  DATABASE_STATEMENT_TIMEOUT_MS: withDefault(
    whole(1, HOUR_MS),
    5000,
    'Longest statement outside of a transaction.',
    MS,
  ),
  DATABASE_PREPARE: withDefault(
    onOff,
    true,
    'Named prepared statements, read-only sessions and a time limit on the server; `off` behind poolers that do not ' +
      'keep a session. With `off` a statement that exceeds its limit is cancelled from here, 2 s later, and a read ' +
      'whose connection is lost is not repeated.',
  ),
  DATA_DIR: withDefault(
    path,
    './data',
    'Folder of the embedded PostgreSQL and of the lock that keeps a second process out.',
  ),
} satisfies Table;
