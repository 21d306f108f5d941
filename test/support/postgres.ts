// One real PostgreSQL for all suites that use it (shared.ts).
// Each suite creates databases of its own, so that none sees the rows of another.
import pg from 'pg';
import { startPostgres } from '#src/testing/postgres.js';
import { shared } from './shared.js';

export interface TestPostgres {
  /** URL of the maintenance database, superuser. */
  readonly url: string;
  /** Creates an empty database with a new name and returns its URL. */
  createDatabase(prefix?: string): Promise<string>;
}

const launched = shared(startPostgres, (server) => server.stop());

let databases = 0;

export async function startTestPostgres(): Promise<TestPostgres> {
  const { url } = await launched();
  return {
    url,
    async createDatabase(prefix = 'test') {
      databases += 1;
      const name = `${prefix}_${process.pid}_${databases}`;
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        await client.query(`create database ${pg.escapeIdentifier(name)}`);
      } finally {
        await client.end();
      }
      const target = new URL(url);
      target.pathname = `/${name}`;
      return target.href;
    },
  };
}
