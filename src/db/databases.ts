// The databases of all mounted services, prepared by the primary at start: one per service, named like it.
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
  /** Of the service, and of its database unless that has one of its own. */
  readonly name: string;
  readonly database?: string;
  /** The server, with the maintenance database in its path. */
  readonly server: string;
  /** That names the server, for messages; undefined for the embedded one. */
  readonly setting?: string | undefined;
  readonly migrations: URL | undefined;
  readonly framework?: readonly MigrationSet[];
}

/** A role without the right to create databases; `statement` is what somebody who may has to run. */
class MissingDatabase {
  readonly statement: string;

  constructor(statement: string) {
    this.statement = statement;
  }
}

/** Creating a database copies files, and waits for others that are being created. */
const CREATE_TIMEOUT_MS = 30_000;

/** URL of a service's own database on a server. */
export function serviceDatabase(target: Pick<DatabaseTarget, 'name' | 'database' | 'server'>): string {
  return withDatabase(target.server, databaseOf(target));
}

const databaseOf = ({ name, database = name }: Pick<DatabaseTarget, 'name' | 'database'>): string => database;

/**
 * Creates what is missing, then migrates, all services in parallel; `ready` is told of each as it is done.
 * @throws ConfigError for mistakes in a folder of migrations, before anything is done; StartError; for
 *   missing databases that we may not create: with the exact statements
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

/** What `prepareDatabases` would find to do; changes nothing. @throws StartError */
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
      // duplicate_database, or the same as a unique violation: another process was quicker
      if (code === '42P04' || code === '23505') return;
      if (code !== '42501') throw error;
      const role = driver().escapeIdentifier(client.session.user ?? '');
      throw new MissingDatabase(`CREATE DATABASE ${name} OWNER ${role};`);
    }
  });
}

/** With all that is in it, whoever is connected. @throws StartError when the server cannot be reached */
export async function dropDatabase(target: DatabaseTarget): Promise<void> {
  const name = driver().escapeIdentifier(databaseOf(target));
  await withClient(target, target.server, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`);
  });
}

/** Asked by connecting to it: in the usual case nothing else is needed. */
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
