// One real PostgreSQL for all suites of this mocha process: started at first use, gone at the end.
// Each suite asks for databases of its own, so that none sees another's rows.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Embedded, startEmbedded } from '#src/db/embedded.js';
import { silentLog } from './silent-log.js';
import { SOLE_OWNER } from './sole-owner.js';

export interface TestPostgres {
  /** URL of the maintenance database, superuser. */
  readonly url: string;
  /** Creates an empty database with a fresh name and gives its URL. */
  createDatabase(prefix?: string): Promise<string>;
}

/** A temporary DATA_DIR that the account `postgres` may pass through when the tests run as root. */
export async function temporaryDataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'multilane-'));
  await chmod(folder, 0o711);
  return folder;
}

const shared: { folder?: string; server?: Promise<Embedded>; databases: number } = { databases: 0 };

export async function startTestPostgres(): Promise<TestPostgres> {
  shared.server ??= launch();
  const { url } = await shared.server;
  return {
    url,
    async createDatabase(prefix = 'test') {
      const name = `${prefix}_${process.pid}_${++shared.databases}`;
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

async function launch(): Promise<Embedded> {
  shared.folder = await temporaryDataDir();
  return startEmbedded({
    dataDir: join(shared.folder, 'data'),
    socketDir: join(shared.folder, 'socket'),
    log: silentLog,
    ...SOLE_OWNER,
  });
}

after(async function stopTestPostgres() {
  this.timeout(30_000);
  await (await shared.server)?.stop();
  if (shared.folder !== undefined) await rm(shared.folder, { recursive: true, force: true });
});
