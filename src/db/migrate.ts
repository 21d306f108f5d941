// Schema migrations of one service's database, run by the primary: numbered .sql files, each once, in order, all
// pending ones of a folder in one transaction. node-pg-migrate runs them under an advisory lock, so two
// processes may start at once; it is loaded only when something is pending, which is rare.
import { readdir } from 'node:fs/promises';
import { StartError } from '../errors.js';
import { driver } from './driver.js';
import type { Log } from './embedded.js';
import type { LimitedClient } from './limited-client.js';
import { MIGRATION_TIMING, type MigrationTiming, runMigrations } from './run-migrations.js';
import { withStartClient } from './start-client.js';

/** One folder of migrations and, by its name, the table that remembers them: `multilane.migrations_<name>`. */
export interface MigrationSet {
  readonly name: string;
  readonly folder: URL;
}

export interface MigrateOptions {
  /** For messages. */
  readonly service: string;
  /** That names its server, for messages; undefined for the embedded one. */
  readonly setting?: string | undefined;
  /** URL of the service's own database, which exists. */
  readonly connection: string;
  /** The service's own migrations. */
  readonly migrations: URL | undefined;
  /** Folders of other rooms, run before the service's (the saga journal). */
  readonly framework?: readonly MigrationSet[];
  /** @default MIGRATION_TIMING */
  readonly timing?: MigrationTiming;
  readonly log: Log;
}

/** What this room needs in every database. */
const FRAMEWORK: MigrationSet = { name: 'framework', folder: new URL('./migrations/', import.meta.url) };
const SCHEMA = 'multilane';

/** @throws StartError when the database cannot be reached, a migration fails, or the schema is newer than we are */
export function migrateService(options: MigrateOptions): Promise<void> {
  return withClient(options, async (client) => {
    for (const set of setsOf(options)) await migrate(client, options, set);
  });
}

/** One migration of a service: whose folder it is in, its file without `.sql`, whether it has been run. */
export interface MigrationState {
  readonly set: string;
  readonly name: string;
  readonly applied: boolean;
}

/** In the order in which they are run; changes nothing. @throws StartError as `migrateService` does */
export function migrationStates(options: MigrateOptions): Promise<readonly MigrationState[]> {
  const { service } = options;
  return withClient(options, async (client) => {
    const states: MigrationState[] = [];
    for (const set of setsOf(options)) {
      const known = await migrationNames(service, set);
      const applied = await knownApplied(client, service, set, known);
      states.push(...known.map((name) => ({ set: set.name, name, applied: applied.includes(name) })));
    }
    return states;
  });
}

/** Those of a database that is not there yet. @throws StartError when a folder cannot be read */
export async function plannedMigrations(
  options: Pick<MigrateOptions, 'service' | 'migrations' | 'framework'>,
): Promise<readonly MigrationState[]> {
  const names = setsOf(options).map(async (set) => {
    const known = await migrationNames(options.service, set);
    return known.map((name) => ({ set: set.name, name, applied: false }));
  });
  return (await Promise.all(names)).flat();
}

function setsOf({
  migrations,
  framework = [],
}: Pick<MigrateOptions, 'migrations' | 'framework'>): readonly MigrationSet[] {
  const own = migrations === undefined ? [] : [{ name: 'service', folder: migrations }];
  return [FRAMEWORK, ...framework, ...own];
}

function withClient<T>(
  { service, setting, connection, timing = MIGRATION_TIMING, log }: MigrateOptions,
  work: (client: LimitedClient) => Promise<T>,
): Promise<T> {
  const config = {
    applicationName: `multilane ${service} migrations`,
    responseTimeoutMs: timing.responseMs,
    onLost: (error: Error) => log.warn({ err: error, service }, 'the connection of the migrations was lost'),
  };
  return withStartClient({ service, setting }, connection, config, work);
}

async function migrate(client: LimitedClient, options: MigrateOptions, set: MigrationSet): Promise<void> {
  const { service, setting, connection, timing = MIGRATION_TIMING, log } = options;
  const known = await migrationNames(service, set);
  const findPending = async (): Promise<readonly string[]> => {
    const applied = await knownApplied(client, service, set, known);
    return known.filter((name) => !applied.includes(name));
  };
  const pending = await findPending();
  if (pending.length === 0) return;
  const { folder, name } = set;
  const target = { service, setting, connection, folder, schema: SCHEMA, table: tableOf(name) };
  await runMigrations(client, { ...target, pending, timing, log });
  await findPending(); // whoever held the lock before us may have been newer
}

/** @throws StartError for a database that knows more than we do */
async function knownApplied(
  client: LimitedClient,
  service: string,
  set: MigrationSet,
  known: readonly string[],
): Promise<readonly string[]> {
  const applied = await appliedNames(client, set);
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return applied;
  throw new StartError(
    `the database of "${service}" was migrated by a newer version: it has ${unknown.join(', ')}, ` +
      'which this version does not know',
  );
}

async function migrationNames(service: string, { folder }: MigrationSet): Promise<string[]> {
  try {
    const files = await readdir(folder);
    const names = files
      .filter((file) => /^[^.].*\.sql$/.test(file))
      .map((file) => file.slice(0, -'.sql'.length));
    return names.sort();
  } catch (error) {
    throw new StartError(`cannot read the migrations of "${service}": ${(error as Error).message}`);
  }
}

async function appliedNames(client: LimitedClient, { name }: MigrationSet): Promise<string[]> {
  try {
    const table = `${SCHEMA}.${driver().escapeIdentifier(tableOf(name))}`;
    const { rows } = await client.query<{ name: string }>(`select name from ${table} order by id`);
    return rows.map((row) => row.name);
  } catch (error) {
    const nothingYet =
      error instanceof driver().DatabaseError && (error.code === '42P01' || error.code === '3F000');
    if (nothingYet) return [];
    throw error;
  }
}

function tableOf(set: string): string {
  return `migrations_${set}`;
}
