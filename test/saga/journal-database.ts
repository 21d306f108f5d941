// A new database with the journal's tables.
import { readdir, readFile } from 'node:fs/promises';
import type { Queryable, QueryResult } from '#src/db/database.js';
import { Rows } from '#src/db/rows.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { connect } from './pg-connection.js';

const MIGRATIONS = new URL('../../../src/saga/migrations/', import.meta.url);

export interface TestDatabase {
  readonly url: string;
  readonly db: Queryable;
  /** The same database; `count` is called for every statement. */
  counting(count: () => void): Queryable;
  close(): Promise<void>;
}

/** @param upTo number of the last migration to apply, for the database of an earlier version. @default all */
export async function openJournalDatabase(upTo?: number): Promise<TestDatabase> {
  const url = await (await startTestPostgres()).createDatabase('saga');
  const connection = await connect(url);
  const { db } = connection;
  await migrate(db, 0, upTo);
  const counting = (count: () => void): Queryable => new Counting(db, count);
  return { url, db, counting, close: () => connection.close() };
}

/** Applies the migrations after the one with the number `after`. */
export async function migrate(db: Queryable, after: number, upTo?: number): Promise<void> {
  for (const name of (await readdir(MIGRATIONS)).sort().slice(after, upTo)) {
    const [up = ''] = (await readFile(new URL(name, MIGRATIONS), 'utf8')).split('-- Down Migration');
    for (const statement of up.split(/;\s*$/m)) if (/\w/.test(statement)) await db.query(statement);
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
