// Every setting is declared once, in the tables that are put together here. The reader of settings, `--help`,
// `--check` and docs/settings.md are made from them.
import { postgresUrl } from './network-kinds.js';
import { optional, type Table } from './setting.js';
import { DATABASE_SETTINGS } from './table-databases.js';
import { GRPC_SETTINGS } from './table-grpc.js';
import { LIMIT_SETTINGS } from './table-limits.js';
import { LISTENER_SETTINGS } from './table-listeners.js';
import { MESH_SETTINGS } from './table-mesh.js';
import { OPERATION_SETTINGS } from './table-operation.js';
import { OTEL_SETTINGS } from './table-otel.js';

/** The settings of the product itself, in the order of `--help` and of docs/settings.md. */
export const PROCESS_SETTINGS = {
  ...LISTENER_SETTINGS,
  ...DATABASE_SETTINGS,
  ...MESH_SETTINGS,
  ...GRPC_SETTINGS,
  ...LIMIT_SETTINGS,
  ...OPERATION_SETTINGS,
} satisfies Table;

export const SETTINGS: Table = { ...PROCESS_SETTINGS, ...OTEL_SETTINGS };

export const PER_SERVICE = '<SERVICE>_DATABASE_URL';

/** The name of a service's own setting for its server: `ORDERS_DATABASE_URL` for `orders`. */
export const databaseUrlOf = (service: string): string =>
  `${service.toUpperCase().replaceAll('-', '_')}_DATABASE_URL`;

export const SERVICE_DATABASE_URL = optional(
  postgresUrl,
  'from `DATABASE_URL`',
  'PostgreSQL server of one service, named in upper case with `_` for `-`.',
);
