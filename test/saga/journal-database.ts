// A fresh database with the journal's tables, and the plainest way to query it.
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Queryable, QueryResult } from '#src/db/database.js';
import { fromDriver } from '#src/db/failure.js';
import { Rows } from '#src/db/rows.js';
import { typeParsers } from '#src/db/values.js';
import { startTestPostgres } from '#test/support/postgres.js';

const MIGRATION = new URL('../../../src/saga/migrations/0001_saga-journal.sql', import.meta.url);

export interface TestDatabase {
  readonly url: string;
  readonly db: Queryable;
  /** The same database; `count` is called for every statement. */
  counting(count: () => void): Queryable;
  close(): Promise<void>;
}

export async function openJournalDatabase(): Promise<TestDatabase> {
  const url = await (await startTestPostgres()).createDatabase('saga');
  const connection = await connect(url);
  const { db } = connection;
  const [up = ''] = (await readFile(MIGRATION, 'utf8')).split('-- Down Migration');
  for (const statement of up.split(/;\s*$/m)) if (/\w/.test(statement)) await db.query(statement);
  const counting = (count: () => void): Queryable => new Counting(db, count);
  return { url, db, counting, close: () => connection.close() };
}

/** One pipelined connection, as a worker has it. */
export async function connect(url: string): Promise<{ db: Queryable; close(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url, types: typeParsers, pipeline: true });
  client.on('error', () => {});
  await client.connect();
  return { db: new Pipelined(client), close: () => client.end() };
}

class Pipelined extends Rows {
  readonly #client: pg.Client;

  constructor(client: pg.Client) {
    super();
    this.#client = client;
  }

  async query<R>(text: string, values: readonly unknown[] = []): Promise<QueryResult<R>> {
    try {
      const { rows, rowCount } = await this.#client.query({ text, values: [...values] });
      return { rows: rows as R[], rowCount: rowCount ?? 0 };
    } catch (error) {
      throw error instanceof Error ? fromDriver(error, false) : error;
    }
  }
}

class Counting extends Rows {
  readonly #db: Queryable;
  readonly #count: () => void;

  constructor(db: Queryable, count: () => void) {
    super();
    this.#db = db;
    this.#count = count;
  }

  query<R>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    this.#count();
    return this.#db.query<R>(text, values);
  }
}
