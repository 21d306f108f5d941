// One real PostgreSQL for all suites that ask for it (shared.ts).
// Each suite asks for databases of its own, so that none sees another's rows.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Embedded, startEmbedded } from '#src/db/embedded.js';
import { shared } from './shared.js';
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

interface Launched {
  readonly server: Embedded;
  readonly folder: string;
}

const launched = shared(launch, async ({ server, folder }) => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

let databases = 0;

export async function startTestPostgres(): Promise<TestPostgres> {
  const { url } = (await launched()).server;
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

async function launch(): Promise<Launched> {
  const folder = await temporaryDataDir();
  const server = await startEmbedded({
    dataDir: join(folder, 'data'),
    socketDir: join(folder, 'socket'),
    log: silentLog,
    ...SOLE_OWNER,
  });
  return { server, folder };
}
