// What a migration does while it cannot go on: another session holds its table, or the server has gone quiet.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { migrateService, migrationStates } from '#src/db/migrate.js';
import { withStartClient } from '#src/db/start-client.js';
import { StartError } from '#src/errors.js';
import type { Log } from '#src/telemetry/log.js';
import { silentLog } from '#test/support/silent-log.js';
import { deferred } from './fixtures/deferred.js';
import { migratedDatabase, rejection } from './fixtures/open.js';
import { type Proxy as DatabaseProxy, startProxy } from './fixtures/proxy.js';

const SETTING = 'DATABASE_URL';
/** AuthenticationOk and ReadyForQuery. */
const LOGGED_IN = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1');
const TIMING = { lockTimeoutMs: 300, pauseMs: 300, watchEveryMs: 20, responseMs: 2_000 };

describe('a migration that has to wait', () => {
  let folder: string;
  let connection: string;
  const clients: pg.Client[] = [];
  const proxies: DatabaseProxy[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-migrations-'));
    connection = await migratedDatabase();
  });
  afterEach(async () => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await rm(folder, { recursive: true });
  });

  const migration = (name: string, sql: string) => writeFile(join(folder, `${name}.sql`), sql);
  const options = (url = connection) => ({
    service: 'shop',
    setting: SETTING,
    connection: url,
    migrations: pathToFileURL(`${folder}/`),
    timing: TIMING,
    log: silentLog,
  });
  const impatient = (url: string) => ({ ...options(url), timing: { ...TIMING, responseMs: 500 } });
  const connect = async (name: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: connection, application_name: name });
    await client.connect();
    clients.push(client);
    return client;
  };
  const proxied = async (): Promise<DatabaseProxy> => {
    const proxy = await startProxy(connection);
    proxies.push(proxy);
    return proxy;
  };
  const expectSilence = (error: Error, { url }: DatabaseProxy): void => {
    expect(error).to.be.instanceOf(StartError);
    expect(error.message)
      .to.include(`${SETTING}: cannot connect to the database of "shop" at 127.0.0.1:${new URL(url).port}`)
      .and.include('sent no response')
      .and.include('network in between')
      .and.not.include('\n');
  };

  it('logs which one of how many runs', async () => {
    await migration('0001_item', 'create table item (id int)');
    await migration('0002_more', 'alter table item add column more text');
    const lines: string[] = [];
    const info = ((fields: { readonly migration?: string }, text?: string) => {
      lines.push(`${text}: ${fields.migration}`);
    }) as Log['info'];
    await migrateService({ ...options(), log: { ...silentLog, info } });
    expect(lines.filter((line) => line.startsWith('running'))).to.deep.equal([
      'running migration 1 of 2: 0001_item',
      'running migration 2 of 2: 0002_more',
    ]);
  });

  it('lets other sessions proceed while a session locks its table, and logs which one does', async () => {
    await migration('0001_item', 'create table item (id int)');
    await migrateService(options());
    await migration('0002_more', 'alter table item add column more text');
    const [holder, other] = [await connect('forgotten psql'), await connect('old process')];
    await holder.query('begin');
    await holder.query('select * from item');
    const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
    const named = deferred<string>();
    let warnings = 0;
    const warn = (_details: unknown, message: string): void => {
      warnings += 1;
      if (message.includes('session')) named.resolve(message);
    };
    const migrated = migrateService({ ...options(), log: { ...silentLog, warn } as typeof silentLog });
    expect(await named.promise)
      .to.include('0002_more')
      .and.include('"shop"')
      .and.include(`session ${rows[0]!.pid} (forgotten psql: `);
    expect((await other.query('select * from item')).rows).to.deep.equal([]);
    await holder.query('commit');
    await migrated;
    expect(warnings).to.be.at.least(1);
    expect((await other.query('select more from item')).rows).to.deep.equal([]);
  });

  it('fails with one line when the server becomes silent after the log-in', async () => {
    await migration('0001_item', 'create table item (id int)');
    const proxy = await proxied();
    proxy.onRequest = (data) => {
      if (data.includes('select name from')) proxy.swallowAnswers();
    };
    expectSilence(await rejection(migrationStates(impatient(proxy.url))), proxy);
  });

  it('fails with one line when the server becomes silent during a migration', async () => {
    await migration('0001_long', 'select 4711');
    const proxy = await proxied();
    proxy.onRequest = (data) => {
      if (data.includes('select 4711')) proxy.swallowAnswers();
    };
    expectSilence(await rejection(migrateService(impatient(proxy.url))), proxy);
  });

  it('may take longer than the limit for a response', async () => {
    const responseMs = 1_000;
    await migration('0001_long', 'create table item (id int); select pg_sleep(1.5)');
    await migrateService({ ...options(), timing: { ...TIMING, responseMs } });
    expect((await (await connect('reader')).query('select * from item')).rows).to.deep.equal([]);
  });

  it('does not delay the start when the server never closes the connection', async () => {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(LOGGED_IN));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const url = `postgres://shop@127.0.0.1:${port}/shop`;
    try {
      const done = await withStartClient({ service: 'shop' }, url, {}, () => Promise.resolve('done'));
      expect(done).to.equal('done');
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
