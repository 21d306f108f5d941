// What a folder of migrations may contain. Each mistake is refused before anything runs, with file, line and
// what to do.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { type Migration, readMigrations } from '#src/db/migration-folder.js';
import { ConfigError } from '#src/errors.js';
import { rejection } from './fixtures/open.js';

const UP = '-- Up Migration\n';
const TABLE = 'create table a (id int);\n';

describe('a folder of migrations', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multilane-migrations-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (
    files: Readonly<Record<string, string | Uint8Array>>,
  ): Promise<readonly Migration[]> => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return readMigrations('shop', { name: 'service', folder: pathToFileURL(`${folder}/`) });
  };
  const scriptOf = ({ content, start, end }: Migration): string => content.slice(start, end);

  const MISTAKES: readonly (readonly [string, Record<string, string | Uint8Array>, readonly string[]])[] = [
    ['no files', {}, ['holds no migrations', '0001_what.sql']],
    ['only other files', { 'README.md': 'hi' }, ['holds no migrations']],
    [
      'a file without a number',
      { 'init.sql': TABLE },
      ['init.sql: ', '0001_init.sql', "set name = '0001_init' where name = 'init'"],
    ],
    ['a file that is not SQL', { '0001_a.js': '' }, ['0001_a.js: is not run']],
    ['another case of the ending', { '0001_a.SQL': TABLE }, ['0001_a.SQL: is not run: rename it 0001_a.sql']],
    ['a quote in a name', { "0001_don't.sql": TABLE }, ['may not have a quote']],
    [
      'two files of one number',
      { '1.sql': TABLE, '0001_b.sql': TABLE, '0007_c.sql': TABLE },
      ['1.sql: has the number of 0001_b.sql: rename it 8.sql', "set name = '8' where name = '1'"],
    ],
    [
      'a way down alone',
      { '0001_a.sql': `${TABLE}-- Down Migration\ndrop table a;` },
      ['0001_a.sql:2: "-- Down Migration" without "-- Up Migration"'],
    ],
    [
      'statements above the way up',
      { '0001_a.sql': `\n${TABLE}${UP}create table b ();` },
      ['0001_a.sql:2: stands above'],
    ],
    ['two ways up', { '0001_a.sql': `${UP}${TABLE}${UP}${TABLE}` }, ['0001_a.sql:3: a second marker']],
    ['an empty file', { '0001_a.sql': `${UP}-- later\n` }, ['0001_a.sql:1: has no statement']],
    ['a commit', { '0001_a.sql': `${UP}${TABLE}COMMIT;` }, ['0001_a.sql:3: "COMMIT": remove it']],
    ['a begin', { '0001_a.sql': `${UP}begin;${TABLE}` }, ['0001_a.sql:2: "begin": remove it']],
    ['a rollback', { '0001_a.sql': `${TABLE}rollback work` }, ['0001_a.sql:2: "rollback work": remove it']],
    [
      'an index that is created concurrently',
      { '0001_a.sql': `${TABLE}create unique index\n concurrently i on a (id);` },
      ['0001_a.sql:2: "create unique index concurrently i on a (id)" cannot run', 'if not exists'],
    ],
    ['a vacuum', { '0001_a.sql': 'vacuum a' }, ['0001_a.sql:1: "vacuum a" cannot run']],
    ['bytes that are no text', { '0001_a.sql': new Uint8Array([0xff, 0xfe, 0x63]) }, ['not text in UTF-8']],
  ];
  for (const [what, files, expected] of MISTAKES) {
    it(`is refused with ${what}`, async () => {
      const error = await rejection(read(files));
      expect(error).to.be.instanceOf(ConfigError);
      for (const text of expected) expect(error.message).to.include(text);
    });
  }

  it('is refused with all its mistakes at once, each in a line', async () => {
    const { message } = await rejection(
      read({ 'init.sql': TABLE, '0001_a.sql': 'commit', '0002_b.SQL': '' }),
    );
    expect(message.split('\n')).to.have.length(3);
  });

  it('is refused when it does not exist or is a file', async () => {
    const missing = { name: 'service', folder: pathToFileURL(join(folder, 'missing')) };
    const absent = await rejection(readMigrations('shop', missing));
    expect(absent).to.be.instanceOf(ConfigError);
    expect(absent.message).to.include('"shop"').and.include('missing, is not there');
    await writeFile(join(folder, 'missing'), '');
    expect((await rejection(readMigrations('shop', missing))).message).to.include('is no folder');
  });

  it('is read in the order of the numbers, and other files and folders are ignored', async () => {
    await mkdir(join(folder, 'old'));
    const migrations = await read({
      '10_c.sql': TABLE,
      '2.sql': TABLE,
      '0001_a.sql': TABLE,
      'README.md': 'hi',
      '.hidden.sql': '',
    });
    expect(migrations.map(({ name }) => name)).to.deep.equal(['0001_a', '2', '10_c']);
  });

  it('may have files with markers, without markers, and with a byte order mark', async () => {
    const migrations = await read({
      '0001_plain.sql': TABLE,
      '0002_up.sql': `-- Makes a.\n${UP}${TABLE}`,
      '0003_both.sql': `${UP}${TABLE}-- Down Migration\ndrop table a;`,
      '0004_reversed.sql': `-- Down Migration\ndrop table a;\n${UP}${TABLE}`,
      '0005_mark.sql': `\ufeff${TABLE}`,
    });
    const [plain, up, both, reversed, mark] = migrations.map(scriptOf);
    expect(plain).to.equal(TABLE);
    expect(up).to.equal(`${UP}${TABLE}`);
    expect(both).to.equal(`${UP}${TABLE}`);
    expect(reversed).to.equal(`${UP}${TABLE}`);
    expect(mark).to.equal(TABLE);
  });

  it('is checked by its statements, not by strings and bodies of routines', async () => {
    const innocent = `
      -- commit;
      /* begin; /* commit; */ -- Down Migration
      */
      insert into a values ('commit; -- Down Migration'), (E'it\\'s; commit; '), ("commit;");
      create function f() returns int language plpgsql as $body$
      -- Down Migration
      begin commit; return 1; end; $body$;
      create function g() returns int language sql begin atomic
        select case when true then 1 else 2 end; select 2; end;
      create rule r as on insert to a do also (delete from b; delete from c);
      savepoint s; rollback work to s; do $$ begin end $$;
      create table committed (begin int);
    `;
    const [migration] = await read({ '0001_a.sql': innocent });
    expect(migration!.statements.map(({ text }) => text.slice(0, 12).trim())).to.deep.equal([
      ...['insert into', 'create funct', 'create funct', 'create rule', 'savepoint s', 'rollback wor'],
      ...['do $$ begin', 'create table'],
    ]);
  });
});
