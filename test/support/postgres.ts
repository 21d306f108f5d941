// One real PostgreSQL for all suites that use it (shared.ts).
// Each suite creates databases of its own, so that none sees the rows of another.
import { rmSync } from 'node:fs';
import pg from 'pg';
import { socketDirectory } from '#src/config/socket-directory.js';
import { Countdown } from '#src/countdown.js';
import type { Embedded } from '#src/postgres/embedded.js';
import { startEmbedded } from '#src/postgres/start-embedded.js';
import { newDataDir } from '#src/testing/data-dir.js';
import { SOLE_OWNER } from '#src/testing/postgres.js';
import { copyData } from './made-data.js';
import { shared } from './shared.js';
import { silentLog } from './silent-log.js';

const STOPS_MS = 5_000;

export interface TestPostgres {
  /** URL of the maintenance database, superuser. */
  readonly url: string;
  /** Creates an empty database with a new name and returns its URL. */
  createDatabase(prefix?: string): Promise<string>;
}

const startIn = (dataDir: string): Promise<Embedded> =>
  startEmbedded({ dataDir, socketDir: socketDirectory({ dataDir }), log: silentLog, ...SOLE_OWNER });

async function stop(server: Embedded): Promise<void> {
  const countdown = new Countdown(STOPS_MS);
  await server.stop(countdown).finally(() => countdown.cancel());
}

/** Fills a new data folder with a server that has no databases yet. */
export const copyServer = (dataDir: string): Promise<void> =>
  copyData('server', dataDir, async (made) => stop(await startIn(made)));

const launched = shared(
  async () => {
    const dataDir = newDataDir();
    await copyServer(dataDir);
    return { dataDir, server: await startIn(dataDir) };
  },
  async ({ dataDir, server }) => {
    await stop(server);
    rmSync(dataDir, { recursive: true, force: true });
  },
);

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
