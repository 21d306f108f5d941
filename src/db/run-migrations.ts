// Runs the pending migrations of one folder in one transaction. It waits for a lock for a short time only,
// because all other sessions wait behind an ALTER TABLE that waits. After that time it rolls back, lets them
// proceed, and tries again.

import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunnerOption } from 'node-pg-migrate';
import type pg from 'pg';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import type { Log } from '../telemetry/log.js';
import type { Connecting } from './connect-failure.js';
import { driver } from './driver.js';
import type { LimitedClient } from './limited-client.js';
import { migrationFailure } from './migration-failure.js';
import type { Migration } from './migration-folder.js';
import { type Blocker, MigrationWatch } from './migration-watch.js';
import { withStartClient } from './start-client.js';

/** How a migration waits. All times are in milliseconds. */
export interface MigrationTiming {
  /** How long one attempt waits for a lock. */
  readonly lockTimeoutMs: number;
  /** Time between two attempts, for the sessions that waited behind this one. */
  readonly pauseMs: number;
  /** How often the server is queried to see whether it lives. */
  readonly watchEveryMs: number;
  /** How long the server may take to respond to that. */
  readonly responseMs: number;
}

export const MIGRATION_TIMING: MigrationTiming = {
  lockTimeoutMs: 3_000,
  pauseMs: 2_000,
  watchEveryMs: 1_000,
  responseMs: 10_000,
};

export interface RunOptions extends Connecting {
  readonly connection: string;
  readonly folder: URL;
  /** All migrations of the folder, in order. */
  readonly migrations: readonly Migration[];
  readonly schema: string;
  readonly table: string;
  /** Names of those that are pending, for messages. */
  readonly pending: readonly string[];
  readonly timing: MigrationTiming;
  readonly log: Log;
}

type Loader = NonNullable<RunnerOption['migrationLoaderStrategies']>[number];

/** SQLSTATE lock_not_available. */
const LOCK_TIMEOUT = '55P03';

/**
 * Repeats the attempt until no other session holds a lock that the migrations need.
 * @param observer another connection to the same database, with a limit of time on its statements
 * @throws StartError when a migration fails, or when the server does not respond
 */
export function runMigrations(observer: LimitedClient, options: RunOptions): Promise<void> {
  const { service, connection, pending, timing, log } = options;
  const config = {
    applicationName: `multilane ${service} migrations`,
    responseTimeoutMs: timing.responseMs,
    onLost: (error: Error) => log.warn({ err: error, service }, 'the connection of the migrations was lost'),
  };
  const what = `the migration ${pending.join(', ')} of the database of "${service}"`;
  return withStartClient(options, connection, config, async (client) => {
    const pid = await limitLockWaits(client, timing);
    let silence: Error | undefined;
    const watch = new MigrationWatch({
      client: observer,
      pid,
      everyMs: timing.watchEveryMs,
      onProgress: (seconds, blocker) =>
        log.info({ service, blocker }, `${what} is under way for ${seconds} s${waitingFor(blocker)}`),
      onSilent: (error) => {
        silence = error;
        client.cut(error);
      },
    });
    try {
      while (!(await tryOnce(client.session, options))) {
        const { blocker } = watch;
        log.warn({ service, blocker }, `${what} waits${waitingFor(blocker)}; trying again`);
        await delay(timing.pauseMs);
      }
    } catch (error) {
      throw silence ?? error;
    } finally {
      await watch.stop();
    }
  });
}

function waitingFor(blocker: Blocker | undefined): string {
  if (blocker === undefined) return '';
  const { pid, application, query } = blocker;
  return ` for a lock that session ${pid} (${application || 'without application_name'}: ${query}) holds`;
}

/** Limits how long this session waits for locks. @returns its process id on the server */
async function limitLockWaits(client: LimitedClient, timing: MigrationTiming): Promise<number> {
  await client.query(lockTimeout(timing));
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

const lockTimeout = ({ lockTimeoutMs }: MigrationTiming): string => `set lock_timeout = ${lockTimeoutMs}`;

/** The line that the runner logs before it runs a migration. */
const STARTED = /^### MIGRATION (.+) \(UP\) ###$/m;

function reportStarted(text: string, { service, pending, log }: RunOptions): void {
  const migration = STARTED.exec(text)?.[1];
  if (migration === undefined) return;
  const number = pending.indexOf(migration) + 1;
  log.info({ service, migration }, `running migration ${number} of ${pending.length}`);
}

/** @returns false when a lock was not available in time; everything is rolled back then */
async function tryOnce(client: pg.Client, options: RunOptions): Promise<boolean> {
  const { service, folder, schema, table, log } = options;
  const { runner } = await import('node-pg-migrate');
  try {
    const done = await runner({
      dbClient: client,
      dir: fileURLToPath(folder).replace(/\/$/, ''),
      ignorePattern: '\\..*|.*(?<!\\.sql)',
      migrationLoaderStrategies: [loaderOf(client, options)],
      // `findPending` has checked the order.
      checkOrder: false,
      direction: 'up',
      migrationsSchema: schema,
      createMigrationsSchema: true,
      migrationsTable: table,
      singleTransaction: true,
      advisoryLockMode: 'wait',
      logger: { debug() {}, info: (text) => reportStarted(text, options), warn() {}, error() {} },
    });
    for (const { name } of done) log.info({ service, migration: name }, 'migrated');
    return true;
  } catch (error) {
    if ((error as pg.DatabaseError).code === LOCK_TIMEOUT) return false;
    if (error instanceof StartError) throw error;
    throw new StartError(`the migration of the database of "${service}" failed: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Makes node-pg-migrate run the content that was read and checked, even if the files have changed since. */
function loaderOf(client: pg.Client, { service, migrations, timing }: RunOptions): Loader {
  const load = async (migration: Migration): Promise<void> => {
    const { content, start, end } = migration;
    let done = 0;
    const count = (): void => void done++;
    client.connection.on('commandComplete', count);
    try {
      await client.query(content.slice(start, end));
      // Without this, the files after this one would depend on whether they run together with it.
      await client.query(`reset session authorization; reset role; reset all; ${lockTimeout(timing)}`);
    } catch (error) {
      const isServers = error instanceof driver().DatabaseError && error.code !== LOCK_TIMEOUT;
      throw isServers ? migrationFailure(service, migration, error, done) : error;
    } finally {
      client.connection.off('commandComplete', count);
    }
  };
  const units = migrations.map((migration) => {
    const id = `${migration.name}.sql`;
    return {
      id,
      filePaths: [id],
      actions: { up: (): Promise<void> => load(migration), down: false as const },
    };
  });
  return { extensions: ['.sql'], loader: async () => units };
}
