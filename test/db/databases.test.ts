import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import pg from 'pg';
import { prepareDatabases, serviceDatabase } from '#src/db/databases.js';
import { StartError } from '#src/errors.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { silentLog } from '#test/support/silent-log.js';
import { rejection } from './fixtures/open.js';

const SAGA = { name: 'saga', folder: pathToFileURL('src/saga/migrations/') };

describe('the databases of the services', () => {
  let server: string;
  let folder: string;
  let migrations: URL;
  let names = 0;
  before(async () => {
    server = (await startTestPostgres()).url;
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-migrations-'));
    migrations = pathToFileURL(`${folder}/`);
    await migration('0001_item', 'create table item (id int)');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const migration = (name: string, sql: string) => writeFile(join(folder, `${name}.sql`), sql);
  const target = () => ({ name: `shop-${++names}`, server, migrations });
  const query = async (url: string, text: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };

  it('are created with the names of their services and migrated, in parallel, and each is reported when it is ready', async () => {
    const targets = [target(), target(), target()];
    const ready: string[] = [];
    await prepareDatabases(targets, silentLog, (name) => ready.push(name));
    expect(ready).to.have.members(targets.map(({ name }) => name));
    for (const each of targets) {
      const url = serviceDatabase(each);
      expect(await query(url, 'select current_database() as name')).to.deep.equal([{ name: each.name }]);
      expect(await query(url, 'select * from item')).to.deep.equal([]);
      expect(await query(url, 'select * from multilane.idempotency')).to.deep.equal([]);
    }
  });

  it('are left as they are by a second start, and get new migrations by a third', async () => {
    const each = target();
    const logged: unknown[] = [];
    const info = (details: object, message?: string): number => logged.push({ ...details, message });
    const log = { ...silentLog, info } as typeof silentLog;
    await prepareDatabases([each], log);
    logged.length = 0;
    await prepareDatabases([each], log);
    expect(logged).to.deep.equal([]);
    await migration('0002_more', 'alter table item add column more text');
    await prepareDatabases([each], log);
    const which = { service: each.name, migration: '0002_more' };
    expect(logged).to.deep.equal([
      { ...which, message: 'running migration 1 of 1' },
      { ...which, message: 'migrated' },
    ]);
    expect(await query(serviceDatabase(each), 'select more from item')).to.deep.equal([]);
  });

  it('may be prepared by several processes at once', async () => {
    const each = target();
    await Promise.all(Array.from({ length: 4 }, () => prepareDatabases([each], silentLog)));
    expect(await query(serviceDatabase(each), 'select name from multilane.migrations_service')).to.deep.equal(
      [{ name: '0001_item' }],
    );
  });

  it('get the migrations of the framework before those of the service, each set with its own history', async () => {
    const other = await mkdtemp(join(tmpdir(), 'multilane-migrations-'));
    await writeFile(join(other, '0001_item.sql'), 'create schema saga; create table saga.step (id int)');
    const each = { ...target(), framework: [{ name: 'saga', folder: pathToFileURL(`${other}/`) }] };
    await migration('0002_uses', 'create view steps as select * from saga.step');
    await prepareDatabases([each], silentLog);
    expect(await query(serviceDatabase(each), 'select * from steps')).to.deep.equal([]);
    await rm(other, { recursive: true });
  });

  it('have the tables of a service in `public`, even if the role and the schema of the runtime have the same name', async () => {
    const each = { ...target(), framework: [SAGA] };
    await migration('0002_names', 'create table idempotency (id int)');
    await prepareDatabases([each], silentLog);
    const url = serviceDatabase(each);
    expect(new URL(url).username).to.equal('multilane');
    const tables = `select schemaname || '.' || tablename as name from pg_tables
      where schemaname in ('public', 'multilane') order by 1`;
    expect((await query(url, tables)).map((row) => (row as { name: string }).name)).to.deep.equal([
      ...['idempotency', 'migrations_framework', 'migrations_saga', 'migrations_service'].map(
        (name) => `multilane.${name}`,
      ),
      ...['idempotency', 'item', 'saga', 'saga_step'].map((name) => `public.${name}`),
    ]);
  });

  it('of an older version keep their tables in the schema of the runtime', async () => {
    const each = { ...target(), framework: [SAGA] };
    await prepareDatabases([each], silentLog);
    const url = serviceDatabase(each);
    const { pathname } = new URL(url);
    await query(url, `alter role multilane in database "${pathname.slice(1)}" reset search_path`);
    for (const table of ['item', 'saga', 'saga_step'])
      await query(url, `alter table ${table} set schema multilane`);
    await migration('0002_more', 'alter table item add column more text; create table late (id int)');
    await prepareDatabases([each], silentLog);
    expect(await query(url, 'select more from item, late, saga, saga_step')).to.deep.equal([]);
  });

  it('run each file with the same search_path, whichever file runs before it', async () => {
    const each = target();
    await migration('0002_elsewhere', 'create schema s; set search_path = s; create table a ()');
    await migration('0003_here', 'create table b ()');
    await prepareDatabases([each], silentLog);
    const tables =
      "select schemaname as schema, tablename as name from pg_tables where tablename in ('a', 'b')";
    expect(await query(serviceDatabase(each), `${tables} order by 2`)).to.deep.equal([
      { schema: 's', name: 'a' },
      { schema: 'public', name: 'b' },
    ]);
  });

  it('run each file with the same settings and role, whatever the one before it sets', async () => {
    const settings = ['timezone', 'role', 'session_authorization', 'lock_timeout', 'work_mem', 'shop.x'];
    const columns = settings.map((name) => `current_setting('${name}', true) as "${name}"`).join();
    const each = target();
    const role = `guest_${process.pid}`;
    await migration('0002_before', `create table before_it as select ${columns}`);
    await migration(
      '0003_settings',
      `create role ${role}; set timezone = 'Asia/Tokyo'; set local work_mem = '1MB'; set lock_timeout = 0;
      set shop.x = 'y'; set session authorization ${role}; set role ${role}`,
    );
    await migration('0004_after', `create table after_it as select ${columns}; drop role ${role}`);
    await prepareDatabases([each], silentLog);
    const url = serviceDatabase(each);
    const [before] = await query(url, `select * from before_it`);
    expect(before).to.have.property('lock_timeout', '3s');
    // A setting of no module is empty, not absent, once it was set in the session.
    expect(await query(url, 'select * from after_it')).to.deep.equal([
      { ...(before as object), 'shop.x': '' },
    ]);
  });

  it('may belong to a service without migrations of its own', async () => {
    const each = { ...target(), migrations: undefined };
    await prepareDatabases([each], silentLog);
    expect(await query(serviceDatabase(each), 'select * from multilane.idempotency')).to.deep.equal([]);
  });

  const HISTORIES: readonly (readonly [string, readonly string[], readonly string[], readonly string[]])[] = [
    [
      'that have applied more than there is',
      ['0001_item', '0002_future'],
      ['0001_item'],
      ['newer version', '0002_future'],
    ],
    [
      'of which an applied migration was renamed',
      ['0001_item'],
      ['0001_thing'],
      ['0001_thing.sql is that file', "set name = '0001_thing' where name = '0001_item'"],
    ],
    [
      'that get a lower number later',
      ['0002_item'],
      ['0001_first', '0002_item'],
      ['0001_first.sql: ', 'below that of 0002_item'],
    ],
  ];
  for (const [what, before, now, expected] of HISTORIES) {
    it(`${what} are refused`, async () => {
      const each = target();
      const write = async (names: readonly string[]): Promise<void> => {
        await Promise.all((await readdir(folder)).map((file) => rm(join(folder, file))));
        for (const name of names) await migration(name, `create table "${name}" (id int)`);
      };
      await write(before);
      await prepareDatabases([each], silentLog);
      await write(now);
      const error = await rejection(prepareDatabases([each], silentLog));
      expect(error).to.be.instanceOf(StartError);
      expect(error.message).to.include(`"${each.name}"`);
      for (const text of expected) expect(error.message).to.include(text);
    });
  }

  it('whose migrations were renamed are accepted after the UPDATE in the error message', async () => {
    const each = target();
    await prepareDatabases([each], silentLog);
    await rename(join(folder, '0001_item.sql'), join(folder, '0001_thing.sql'));
    const { message } = await rejection(prepareDatabases([each], silentLog));
    await query(serviceDatabase(each), /update multilane.*$/.exec(message)![0]);
    await prepareDatabases([each], silentLog);
  });

  it('are not changed when the folder of a service has a mistake', async () => {
    const each = target();
    await migration('0002_more', 'commit');
    const error = await rejection(prepareDatabases([each], silentLog));
    expect(error.message).to.include('0002_more.sql:1: ');
    const found = await query(server, `select 1 from pg_database where datname = '${each.name}'`);
    expect(found).to.deep.equal([]);
  });

  const FAILURES: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'an unknown type',
      '-- Ä 😀\n-- Up Migration\ncreate table half (\n  "Ä😀" txt\n);',
      ['0002_broken.sql:4: type "txt" does not exist (SQLSTATE 42704)', '\n      "Ä😀" txt\n            ^\n'],
    ],
    [
      'a statement of which the server names no position',
      'create table half (id int);;\n\n-- again\ncreate table half (id int);',
      ['0002_broken.sql:4: relation "half" already exists', '\n    create table half (id int);\n'],
    ],
    [
      'an exception in a block',
      "do $$\nbegin\n  raise 'no' using hint = 'ask';\nend $$",
      ['0002_broken.sql:1: no', 'hint: ask', 'line 3 at RAISE'],
    ],
  ];
  for (const [what, sql, expected] of FAILURES) {
    it(`are rolled back when a migration fails by ${what}, and the error names file and line`, async () => {
      const each = target();
      await migration('0002_broken', sql);
      const error = await rejection(prepareDatabases([each], silentLog));
      expect(error).to.be.instanceOf(StartError);
      for (const text of [...expected, `"${each.name}"`]) expect(error.message).to.include(text);
      const half = await query(serviceDatabase(each), "select to_regclass('half') as half");
      expect(half).to.deep.equal([{ half: null }]);
    });
  }

  it('that may not be created are reported with the exact statements to run', async () => {
    const role = `limited_${process.pid}`;
    await query(server, `create role ${role} login password 'secret'`);
    const limited = new URL(server);
    limited.username = role;
    limited.password = 'secret';
    const targets = [target(), target()].map((each) => ({ ...each, server: limited.href }));
    const error = await rejection(prepareDatabases(targets, silentLog));
    expect(error).to.be.instanceOf(StartError);
    for (const { name } of targets)
      expect(error.message).to.include(`CREATE DATABASE "${name}" OWNER "${role}";`);
    expect(error.message).to.not.include('secret');
    for (const { name } of targets) await query(server, `CREATE DATABASE "${name}" OWNER "${role}";`);
    await prepareDatabases(targets, silentLog);
  });
});
