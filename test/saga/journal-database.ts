// A fresh database with the journal's tables.
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

export async function openJournalDatabase(): Promise<TestDatabase> {
  const url = await (await startTestPostgres()).createDatabase('saga');
  const connection = await connect(url);
  const { db } = connection;
  for (const name of (await readdir(MIGRATIONS)).sort()) {
    const [up = ''] = (await readFile(new URL(name, MIGRATIONS), 'utf8')).split('-- Down Migration');
    for (const statement of up.split(/;\s*$/m)) if (/\w/.test(statement)) await db.query(statement);
  }
  const counting = (count: () => void): Queryable => new Counting(db, count);
  return { url, db, counting, close: () => connection.close() };
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
