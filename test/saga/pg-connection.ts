// One pipelined connection to a database, as a worker has it.
import pg from 'pg';
import type { Queryable, QueryResult } from '#src/db/database.js';
import { fromDriver } from '#src/db/error-mapping.js';
import { Rows } from '#src/db/rows.js';
import { typeParsers } from '#src/db/value-codec.js';

export async function connect(url: string): Promise<{ db: Queryable; close(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url, types: typeParsers(), pipeline: true });
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
