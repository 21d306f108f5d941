// Migrates the database of one service: runs numbered .sql files, each once, in order, all pending ones of a
// folder in one transaction. The runner is node-pg-migrate, under an advisory lock, so that two processes may
// start at once. It is loaded only if a file is pending, which is rare.
import { StartError } from '../errors.js';
import type { Log } from '../telemetry/log.js';
import { driver } from './driver.js';
import type { LimitedClient } from './limited-client.js';
import { type Migration, type MigrationSet, readMigrations, renaming } from './migration-folder.js';
import { MIGRATION_TIMING, type MigrationTiming, runMigrations } from './run-migrations.js';
import { withStartClient } from './start-client.js';

export interface MigrateOptions {
  /** Name of the service, for messages. */
  readonly service: string;
  /** The setting with the URL of the server, for messages; undefined for the embedded server. */
  readonly setting?: string | undefined;
  /** URL of the service's own database. It exists. */
  readonly connection: string;
  /** Folder of the service's own migrations. */
  readonly migrations: URL | undefined;
  /** Folders of other modules (the saga journal), run before the service's own. */
  readonly framework?: readonly MigrationSet[];
  /** @default MIGRATION_TIMING */
  readonly timing?: MigrationTiming;
  readonly log: Log;
}

/** Migrations that this module needs in every database. */
const FRAMEWORK: MigrationSet = { name: 'framework', folder: new URL('./migrations/', import.meta.url) };
/** Name of the set of the service's own migrations. */
const OWN = 'service';
const SCHEMA = 'multilane';

type Sets = Pick<MigrateOptions, 'service' | 'migrations' | 'framework'>;

interface ReadSet extends MigrationSet {
  readonly migrations: readonly Migration[];
}

/**
 * Runs all pending migrations of a service's database.
 * @throws ConfigError for a folder with mistakes, before anything runs
 * @throws StartError when the database cannot be reached, a migration fails, or the database and the folder
 *   do not match
 */
export async function migrateService(options: MigrateOptions): Promise<void> {
  const sets = await readSets(options);
  await withClient(options, async (client) => {
    for (const set of sets) await migrate(client, options, set);
  });
}

export interface MigrationState {
  /** Set that the migration belongs to: `service`, `saga` or `framework`. */
  readonly set: string;
  /** Name of its file without `.sql`. */
  readonly name: string;
  /** Whether it has been run in this database. */
  readonly applied: boolean;
}

/**
 * Reports all migrations of a database in the order in which they run, and changes nothing.
 * @throws StartError, ConfigError as `migrateService` does
 */
export async function migrationStates(options: MigrateOptions): Promise<readonly MigrationState[]> {
  const sets = await readSets(options);
  return withClient(options, async (client) => {
    const states: MigrationState[] = [];
    for (const set of sets) {
      const pending = await findPending(client, options.service, set);
      states.push(
        ...set.migrations.map((one) => ({ set: set.name, name: one.name, applied: !pending.includes(one) })),
      );
    }
    return states;
  });
}

/**
 * The migrations that a database which does not exist yet will get. @throws ConfigError for a folder with
 * mistakes
 */
export async function plannedMigrations(options: Sets): Promise<readonly MigrationState[]> {
  return (await readSets(options)).flatMap(({ name: set, migrations }) =>
    migrations.map(({ name }) => ({ set, name, applied: false })),
  );
}

function readSets({ service, migrations, framework = [] }: Sets): Promise<readonly ReadSet[]> {
  const own = migrations === undefined ? [] : [{ name: OWN, folder: migrations }];
  return Promise.all(
    [FRAMEWORK, ...framework, ...own].map(async (set) => ({
      ...set,
      migrations: await readMigrations(service, set),
    })),
  );
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

async function migrate(client: LimitedClient, options: MigrateOptions, set: ReadSet): Promise<void> {
  const { service, setting, connection, timing = MIGRATION_TIMING, log } = options;
  const pending = await findPending(client, service, set);
  if (pending.length === 0) return;
  const target = { service, setting, connection, schema: SCHEMA, table: tableOf(set.name) };
  await runMigrations(client, { ...target, ...set, pending: pending.map(({ name }) => name), timing, log });
  await findPending(client, service, set); // a newer version may have migrated while this process waited for the lock
}

/**
 * The migrations of a set that have not been run yet.
 * @throws StartError when the database has run one that is not in the folder, or one with a higher number
 *   than a pending one
 */
async function findPending(
  client: LimitedClient,
  service: string,
  set: ReadSet,
): Promise<readonly Migration[]> {
  const { migrations } = set;
  const applied = await appliedNames(client, set);
  const pending = migrations.filter(({ name }) => !applied.includes(name));
  const unknown = applied.filter((name) => !migrations.some((one) => one.name === name));
  if (unknown.length > 0) throw unknownMigrations(service, set, unknown, pending);
  const last = migrations.findLast((one) => !pending.includes(one));
  const late = pending.find(({ number }) => last !== undefined && number < last.number);
  if (late !== undefined) {
    throw new StartError(
      `${late.file}: its number is below that of ${last!.name}, which the database of "${service}" has applied ` +
        'already: rename it, with a number above',
    );
  }
  return pending;
}

function unknownMigrations(
  service: string,
  { name: set }: MigrationSet,
  unknown: readonly string[],
  pending: readonly Migration[],
): StartError {
  const names = unknown.join(', ');
  if (set !== OWN) {
    return new StartError(
      `the database of "${service}" was migrated by a newer version of Multilane: it has ${names} of the set ` +
        `"${set}", which this version does not know; start that version`,
    );
  }
  const mismatch = `the database of "${service}" has applied ${names}, of which the folder of its migrations has no file`;
  for (const old of unknown) {
    const now = pending.find(({ number }) => number === numberOf(old));
    if (now === undefined) continue;
    return new StartError(
      `${mismatch}. If ${now.file} is that file, rename it ${old}.sql again, or rename it in the database: ` +
        renaming(set, old, now.name),
    );
  }
  return new StartError(
    `${mismatch}. If a file was removed or renamed, restore it; if a newer version of the service has migrated ` +
      'the database, start that version',
  );
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

function numberOf(name: string): bigint | undefined {
  const digits = /^\d+/.exec(name)?.[0];
  return digits === undefined ? undefined : BigInt(digits);
}

function tableOf(set: string): string {
  return `migrations_${set}`;
}
