// What is held against the server behind a pause of the process (SIGSTOP, a suspended machine): nothing. What
// has arrived meanwhile lies in the sockets, and timers run before it is read.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { Connection } from '#src/db/connection.js';
import { migrateService } from '#src/db/migrate.js';
import { withStartClient } from '#src/db/start-client.js';
import { silentLog } from '#test/support/silent-log.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { passTime, pauseFor, restoreClock } from './fixtures/pause.js';
import { type Proxy as DatabaseProxy, startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

/** Beyond all limits of statements and connections here. */
const PAUSE_MS = 10_000;
/** Enough for a log-in on a loaded machine. Each test that needs it pauses a little longer. */
const LIMIT_MS = 300;
const STAND_MS = 330;

describe('a database after a pause of the process', () => {
  let url: string;
  let proxy: DatabaseProxy;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table paid (note text)');
  });
  beforeEach(async () => {
    proxy = await startProxy(url);
  });
  afterEach(async () => {
    await closeOpened();
    await proxy.close();
    restoreClock();
  });
  /**
   * Pauses once, when a client sends what includes `text`; what it has sent is passed on behind the pause.
   */
  const pauseAt = (text: string): void => {
    let isOver = false;
    proxy.onRequest = (data) => {
      if (isOver || !data.includes(text)) return;
      isOver = true;
      pauseFor(PAUSE_MS, STAND_MS);
    };
  };

  it('has confirmed a write that was under way', async () => {
    const db = open(url);
    await db.query("insert into paid values ('before')");
    const confirmed = db.query("insert into paid values ('meanwhile')");
    await turn();
    pauseFor(PAUSE_MS, 50);
    expect(await confirmed).to.include({ rowCount: 1 });
  });

  it('does not count as unreachable when a connect was under way', async () => {
    pauseAt('application_name');
    const connection = await Connection.open(
      {
        url: proxy.url,
        applicationName: 'test',
        connectTimeoutMs: LIMIT_MS,
        statementTimeoutMs: undefined,
        readOnly: false,
      },
      { completed() {}, closed() {} },
    );
    expect(connection.broken).to.equal(false);
    await connection.end();
  });

  it('counts neither as unreachable nor as silent while the process starts', async () => {
    pauseAt('application_name');
    const limits = { applicationName: 'start', connectTimeoutMs: LIMIT_MS, responseTimeoutMs: LIMIT_MS };
    const rows = await withStartClient({ service: 'shop' }, proxy.url, limits, async (client) => {
      pauseAt('select 4711');
      return (await client.query('select 4711 as x')).rows;
    });
    expect(rows).to.deep.equal([{ x: 4711 }]);
  });

  it('goes on with a migration that is being watched', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'multilane-migrations-'));
    try {
      await writeFile(join(folder, '0001_slow.sql'), 'select pg_sleep(0.1); create table slow (id int)');
      pauseAt('pg_blocking_pids');
      await migrateService({
        service: 'shop',
        connection: proxy.url,
        migrations: pathToFileURL(`${folder}/`),
        timing: { lockTimeoutMs: 300, pauseMs: 300, watchEveryMs: 10, responseMs: LIMIT_MS },
        log: silentLog,
      });
      expect((await open(url).query('select * from slow')).rows).to.deep.equal([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is waited for during a restart, however long ago the last outage was noticed', async () => {
    let outages = 0;
    const warn = (): void => {
      outages++;
      if (outages === 2) void proxy.listen();
    };
    const db = open(proxy.url, { log: { warn } });
    await proxy.refuse();
    const met = withDeadline(200, () => db.query('select 1'));
    expect(await rejection(met)).to.include({ code: 'DATABASE_BUSY' });
    passTime(3_600_000);
    expect(await db.one('select 1 as x')).to.deep.equal({ x: 1 });
    expect(outages).to.equal(2);
  });
});
