// Creates, migrates and drops the databases of services: one for each, with the service's name unless
// `database` names another.
import type pg from 'pg';
import { StartError } from '../errors.js';
import type { Log } from '../telemetry/log.js';
import { driver } from './driver.js';
import type { LimitedClient } from './limited-client.js';
import { type MigrationState, migrateService, migrationStates, plannedMigrations } from './migrate.js';
import type { MigrationSet } from './migration-folder.js';
import { withDatabase } from './server-url.js';
import { withStartClient } from './start-client.js';

export interface DatabaseTarget {
  /** Name of the service, and of its database unless `database` is set. */
  readonly name: string;
  readonly database?: string;
  /** URL of the server, with the maintenance database in its path. */
  readonly server: string;
  /** The setting with that URL, for messages; undefined for the embedded server. */
  readonly setting?: string | undefined;
  readonly migrations: URL | undefined;
  readonly framework?: readonly MigrationSet[];
}

/** A database is missing and the role may not create it. `statement` creates it when another role runs it. */
class MissingDatabase {
  readonly statement: string;

  constructor(statement: string) {
    this.statement = statement;
  }
}

/**
 * Time to create a database: the server copies files, and waits for other databases that are being created.
 */
const CREATE_TIMEOUT_MS = 30_000;

/** URL of a service's own database on a server. */
export function serviceDatabase(target: Pick<DatabaseTarget, 'name' | 'database' | 'server'>): string {
  return withDatabase(target.server, databaseOf(target));
}

const databaseOf = ({ name, database = name }: Pick<DatabaseTarget, 'name' | 'database'>): string => database;

/**
 * Creates missing databases and migrates all of them, in parallel.
 * @param ready called with the name of each service whose database is ready
 * @throws ConfigError for mistakes in a folder of migrations, before anything is done
 * @throws StartError when a server cannot be reached or a migration fails; for databases that may not be
 *   created, with the exact statements
 */
export async function prepareDatabases(
  targets: readonly DatabaseTarget[],
  log: Log,
  ready: (name: string) => void = () => {},
): Promise<void> {
  for (const { name: service, ...target } of targets) await plannedMigrations({ service, ...target });
  const results = await Promise.allSettled(
    targets.map(async (target) => {
      await ensureDatabase(target, log);
      const { name: service, setting, migrations, framework } = target;
      const connection = serviceDatabase(target);
      await migrateService({
        service,
        setting,
        connection,
        migrations,
        ...(framework && { framework }),
        log,
      });
      ready(service);
    }),
  );
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  const missing = failures.filter((failure) => failure instanceof MissingDatabase);
  if (missing.length > 0) {
    const statements = missing.map(({ statement }) => statement).join(' ');
    throw new StartError(`no right to create databases; run as a role that may: ${statements}`);
  }
  if (failures.length > 0) throw failures[0];
}

/**
 * Reports what `prepareDatabases` would have to do, and changes nothing.
 * @throws StartError, ConfigError as `prepareDatabases` does
 */
export async function databaseStates(
  target: DatabaseTarget,
  log: Log,
): Promise<{ readonly exists: boolean; readonly migrations: readonly MigrationState[] }> {
  const { name: service, setting, migrations, framework } = target;
  const options = { service, setting, migrations, ...(framework && { framework }) };
  if (!(await exists(target))) return { exists: false, migrations: await plannedMigrations(options) };
  const connection = serviceDatabase(target);
  return { exists: true, migrations: await migrationStates({ ...options, connection, log }) };
}

async function ensureDatabase(target: DatabaseTarget, log: Log): Promise<void> {
  if (await exists(target)) return;
  await withClient(target, target.server, async (client) => {
    const name = driver().escapeIdentifier(databaseOf(target));
    try {
      await client.query(`create database ${name}`);
      log.info({ service: target.name }, 'database created');
    } catch (error) {
      const { code } = error as pg.DatabaseError;
      // duplicate_database, or the same as a unique_violation: another process has created it meanwhile
      if (code === '42P04' || code === '23505') return;
      if (code !== '42501') throw error;
      const role = driver().escapeIdentifier(client.session.user ?? '');
      throw new MissingDatabase(`CREATE DATABASE ${name} OWNER ${role};`);
    }
  });
}

/** Drops a database, and ends the sessions in it. @throws StartError when the server cannot be reached */
export async function dropDatabase(target: DatabaseTarget): Promise<void> {
  const name = driver().escapeIdentifier(databaseOf(target));
  await withClient(target, target.server, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
  });
}

/** Whether the database exists. It is connected to first, which needs no maintenance database. */
async function exists(target: DatabaseTarget): Promise<boolean> {
  try {
    await withClient(target, serviceDatabase(target), async () => {});
    return true;
  } catch (error) {
    if ((error as { cause?: pg.DatabaseError }).cause?.code === '3D000') return false;
    throw error;
  }
}

const withClient = <T>(
  { name: service, setting }: Pick<DatabaseTarget, 'name' | 'setting'>,
  url: string,
  work: (client: LimitedClient) => Promise<T>,
): Promise<T> => withStartClient({ service, setting }, url, { responseTimeoutMs: CREATE_TIMEOUT_MS }, work);
