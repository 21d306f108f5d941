import { expect } from 'chai';
import pg from 'pg';
import { localBudget } from '#src/db/budget.js';
import { DatabaseMisuseError, OutcomeUnknownError } from '#src/db/database-errors.js';
import { StatementError } from '#src/db/statement-error.js';
import { until } from '#test/support/until.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

describe('single statements', () => {
  let url: string;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (id bigint primary key, name text unique)');
  });
  afterEach(closeOpened);

  /** Ends all other sessions of the database. */
  const terminateOthers = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await client.end();
  };

  const untilOneSleeps = async (): Promise<void> => {
    const observer = open(url);
    const sleeping = `select count(*) as n from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`;
    await until(
      () => observer.one<{ n: number }>(sleeping),
      ({ n }) => n === 1,
    );
  };

  it('that wait are not sent to a session that ends, nor kept by one that is not closed', async () => {
    const proxy = await startProxy(url);
    proxy.keepOpen();
    const db = open(proxy.url, { budget: localBudget(1) });
    await db.query('delete from item');
    const begun = performance.now();
    const slow = rejection(db.query('insert into item select 1, pg_sleep(60)::text'));
    // Until it is known to be slow, others are sent behind it.
    await until(
      () => db.size.used === 1 && performance.now() - begun > 200,
      (isSlow) => isSlow,
    );
    const waiting = Array.from({ length: 40 }, (_, id) =>
      db.query('insert into item values ($1)', [id + 10]),
    );
    await terminateOthers();
    expect(await slow).to.be.instanceOf(OutcomeUnknownError);
    await Promise.all(waiting);
    await terminateOthers();
    await until(
      () => db.size.open,
      (sessions) => sessions === 0,
    );
    await db.query('insert into item values (9)');
    await open(url).query('delete from item');
    await proxy.close();
  });

  it('that commit in between are not said to have changed nothing, nor repeated', async () => {
    const db = open(url);
    await db.query('create table piece (id int)');
    for (const state of ['40001', '26000', '57014']) {
      await db.query(`create or replace procedure pieces() language plpgsql as $$ begin
        insert into piece values (${Number(state)}); commit; raise sqlstate '${state}'; end $$`);
      const error = await rejection(db.query('call pieces()'));
      expect(error, state).to.be.instanceOf(state === '26000' ? StatementError : OutcomeUnknownError);
    }
    expect(await db.many('select id from piece order by id')).to.deep.equal([
      { id: 26000 },
      { id: 40001 },
      { id: 57014 },
    ]);
  });

  it('give int8 as number, timestamptz as Date, json parsed and int8[] as numbers', async () => {
    const row = await open(
      url,
    ).one(`select 9007199254740991::int8 as big, now() as at, '{"a":[1]}'::jsonb as json,
      '{1,null,3}'::int8[] as list, null::int8 as nothing`);
    expect(row).to.deep.include({
      big: 9007199254740991,
      json: { a: [1] },
      list: [1, null, 3],
      nothing: null,
    });
    expect(row.at).to.be.instanceOf(Date);
  });

  it('refuse an int8 that a number cannot hold, and go on', async () => {
    const db = open(url);
    expect(await rejection(db.query('select 9007199254740993::int8 as x'))).to.be.instanceOf(RangeError);
    expect(await db.one('select 1 as x')).to.deep.equal({ x: 1 });
  });

  const WAYS: readonly (readonly [
    string,
    (db: ReturnType<typeof open>, text: string) => Promise<unknown>,
  ])[] = [
    ['query', async (db, text) => await db.query(text, [4711])],
    ['one', async (db, text) => await db.one(text, [4711])],
    ['a transaction', async (db, text) => await db.transaction(async (tx) => await tx.many(text, [4711]))],
  ];
  for (const [way, send] of WAYS) {
    it(`of ${way} that the server refuses tell what was sent, and by whom`, async () => {
      const error = await rejection(send(open(url), 'select\n $1::int,  nonsense'));
      expect(error).to.be.instanceOf(StatementError);
      const [head, first] = String(error.stack).split('\n');
      expect(head).to.equal('StatementError: column "nonsense" does not exist (SQLSTATE 42703)');
      expect(first).to.include('lane.test.');
      expect(error).to.include({ statement: 'select $1::int, nonsense', sqlState: '42703' });
      expect(error.cause).to.equal(undefined);
      expect(JSON.stringify(error)).to.not.include('4711');
    });
  }

  it('that are long are shown around the place that is wrong', async () => {
    const text = `select ${'1, '.repeat(1000)}nonsense, ${'2, '.repeat(1000)}3`;
    const { statement } = (await rejection(open(url).query(text))) as StatementError;
    expect(statement)
      .to.match(/^…(?:1, )+nonsense, (?:2, )+2?,?…$/)
      .and.to.have.length.below(320);
  });

  it('refuse values that are no array, and more than the protocol can count', async () => {
    const db = open(url);
    const ways = [
      (values: never) => db.query('select $1::int', values),
      (values: never) => db.transaction((tx) => tx.query('select $1::int', values)),
    ];
    for (const query of ways) {
      for (const [values, message] of [
        [{ a: 1 }, 'are an array'],
        ['text', 'are an array'],
        [Array.from({ length: 65_536 + 1 }, () => 1), 'at most 65535'],
      ] as const) {
        const error = await rejection(query(values as never));
        expect(error).to.be.instanceOf(DatabaseMisuseError);
        expect(error.message).to.include(message);
      }
    }
  });

  it('refuse a parameter that has no text form before anything is sent', async () => {
    const db = open(url);
    const circular: { self?: unknown } = {};
    circular.self = circular;
    for (let i = 0; i < 3; i++)
      expect(await rejection(db.query('select $1::jsonb', [circular]))).to.be.instanceOf(TypeError);
    expect(await db.one('select $1::jsonb as x', [{ a: 1 }])).to.deep.equal({ x: { a: 1 } });
  });

  it('answer many at once on one session, each with its own rows', async () => {
    const db = open(url, { budget: localBudget(1) });
    const rows = await Promise.all(Array.from({ length: 500 }, (_, i) => db.one('select $1::int as i', [i])));
    expect(rows).to.deep.equal(Array.from({ length: 500 }, (_, i) => ({ i })));
    expect(db.size.open).to.equal(1);
  });

  it('fail alone: what is pipelined behind a failing one is answered', async () => {
    const db = open(url);
    const results = await Promise.allSettled([
      db.one('select 1 as x'),
      db.one('select 1/0 as x'),
      db.one('select 2 as x'),
      db.one('select nonsense'),
      db.one('select 3 as x'),
    ]);
    expect(results.map((result) => result.status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('refuse a text that PostgreSQL cannot hold as invalid', async () => {
    const error = await rejection(open(url).query('insert into item values (3, $1)', ['a\u0000b']));
    expect(error).to.have.property('code', 'VALIDATION_FAILED');
  });

  it('distinguish no row, one row and several', async () => {
    const db = open(url);
    expect(await rejection(db.one('select 1 where false'))).to.have.property('code', 'NOT_FOUND');
    expect(await db.maybeOne('select 1 where false')).to.equal(undefined);
    expect(await rejection(db.maybeOne('select generate_series(1, 2)'))).to.be.instanceOf(Error);
    expect(await db.many('select generate_series(1, 2) as n')).to.deep.equal([{ n: 1 }, { n: 2 }]);
  });

  it('refuse to begin a transaction or to change the shared session', async () => {
    const db = open(url);
    for (const text of ['begin', 'set work_mem = 1', 'listen x', 'select pg_advisory_lock(1)']) {
      expect(await rejection(db.query(text)), text).to.be.instanceOf(DatabaseMisuseError);
    }
    expect(await rejection(db.query('select 1; begin'))).to.be.instanceOf(StatementError);
  });

  it('that look like a read but write are carried out, once', async () => {
    const db = open(url);
    await db.query('create sequence counter');
    expect(await db.one("select nextval('counter') as n")).to.deep.equal({ n: 1 });
    expect(await db.one("select nextval('counter') as n")).to.deep.equal({ n: 2 });
  });

  it('survive a change of the table their prepared form was made for', async () => {
    const db = open(url);
    await db.query('create table changing (a int)');
    for (let i = 0; i < 3; i++) await db.many('select * from changing');
    await db.query('alter table changing add column b int');
    await db.query('insert into changing values (1, 2)');
    expect(await db.many('select * from changing')).to.deep.equal([{ a: 1, b: 2 }]);
  });

  it('survive a change of the types their prepared form was made for, whatever becomes of the parameters', async () => {
    const db = open(url, { budget: localBudget(1) });
    const changes = [
      ['int', 'bigint', 1, 3_000_000_000],
      ['int', 'text', 1, 'one'],
      ['text', 'int using typed::int', '1', 2],
      ['json', 'jsonb', { a: 1 }, { a: 2 }],
    ] as const;
    for (const [before, after, first, second] of changes) {
      await db.query(`create table typing (typed ${before})`);
      const insert = 'insert into typing values ($1)';
      const same = 'select count(*) as n from typing where typed::text = $1 or typed = $2';
      const byText = 'update typing set typed = $1 where true';
      for (let i = 0; i < 3; i++) for (const text of [insert, byText]) await db.query(text, [first]);
      const find = async (value: unknown) =>
        before === 'json' ? undefined : await db.many(same, [JSON.stringify(value), value]);
      for (let i = 0; i < 3; i++) await find(first);
      await db.query(`alter table typing alter column typed type ${after}`);
      for (let i = 0; i < 2; i++) {
        for (const text of [insert, byText]) await db.query(text, [second]);
        await find(second);
      }
      expect(await db.one('select count(*) as n from typing'), after).to.deep.equal({ n: 5 });
      await db.query('drop table typing');
    }
  });

  it('whose values do not fit are refused, and leave no prepared form behind', async () => {
    const db = open(url, { budget: localBudget(1) });
    await db.query('create table narrow (a int)');
    const insert = 'insert into narrow values ($1)';
    for (let i = 0; i < 3; i++) await db.query(insert, [i]);
    const prepared = 'select count(*) as n from pg_prepared_statements';
    for (let i = 0; i < 3; i++) await db.query(prepared);
    const before = await db.one(prepared);
    for (let i = 0; i < 5; i++) {
      const error = await rejection(db.query(insert, [3_000_000_000]));
      expect(error).to.be.instanceOf(StatementError).and.to.include({ sqlState: '22003' });
    }
    expect(await db.one(prepared)).to.deep.equal(before);
  });

  it('end at the deadline of the request while the late answer is dropped', async () => {
    const db = open(url);
    await db.query('select 1'); // its session is open
    const error = await rejection(withDeadline(100, () => db.query('select pg_sleep(0.4)')));
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(await db.one('select 5 as x')).to.deep.equal({ x: 5 });
  });

  it('that write and reach their deadline are reported as unknown', async () => {
    const db = open(url);
    await db.query('delete from item where id = -1'); // its session is open
    const slow = "insert into item select 100, 'slow' from pg_sleep(0.3)";
    const error = await rejection(withDeadline(100, () => db.query(slow)));
    expect(error).to.be.instanceOf(OutcomeUnknownError);
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
  });

  it('are not sent after the deadline', async () => {
    const db = open(url);
    const error = await rejection(withDeadline(0, () => db.query("insert into item values (200, 'late')")));
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(error).to.not.be.instanceOf(OutcomeUnknownError);
    expect(await db.maybeOne('select 1 from item where id = 200')).to.equal(undefined);
  });

  it('are ended by the server at the statement timeout, without effect', async () => {
    const db = open(url, { statementTimeoutMs: 100 });
    const error = await rejection(db.query("insert into item select 300, 'slow' from pg_sleep(1)"));
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(error).to.not.be.instanceOf(OutcomeUnknownError);
    expect(await db.maybeOne('select 1 from item where id = 300')).to.equal(undefined);
  });

  it('go on after their sessions were terminated', async () => {
    const db = open(url);
    await Promise.all([db.query('select 1'), db.query("insert into item values (400, 'x')")]);
    await terminateOthers();
    expect(await db.one('select 2 as x')).to.deep.equal({ x: 2 });
  });

  it('that read are repeated when their session is terminated under them', async () => {
    const db = open(url);
    const started = db.one('select 7 as x from pg_sleep(0.3)');
    await db.query("insert into item values (500, 'other session') on conflict do nothing");
    await terminateOthers();
    expect(await started).to.deep.equal({ x: 7 });
  });

  it('that write are never repeated: a session lost under them is an unknown outcome', async () => {
    const db = open(url);
    const started = rejection(db.query("insert into item select 600, 'lost' from pg_sleep(60)"));
    await untilOneSleeps();
    await terminateOthers();
    expect(await started).to.be.instanceOf(OutcomeUnknownError);
    expect(await started).to.deep.include({ code: 'INTERNAL', retryable: false });
  });

  it('that notify are never repeated either', async () => {
    const notifying = rejection(open(url).query("select pg_notify('news', 'one'), pg_sleep(60)"));
    await untilOneSleeps();
    await terminateOthers();
    expect(await notifying).to.be.instanceOf(OutcomeUnknownError);
  });

  it('wait for a server that is gone for a moment', async () => {
    const proxy = await startProxy(url);
    const db = open(proxy.url);
    await db.query('select 1');
    await proxy.refuse();
    const waiting = db.one('select 3 as x');
    await proxy.listen();
    expect(await waiting).to.deep.equal({ x: 3 });
    await closeOpened();
    await proxy.close();
  });

  it('are 503 DATABASE_BUSY with Retry-After while the server cannot be reached', async () => {
    const proxy = await startProxy(url);
    await proxy.refuse();
    const db = open(proxy.url);
    const error = await rejection(withDeadline(200, () => db.query('select 1')));
    expect(error).to.deep.include({ code: 'DATABASE_BUSY', status: 503, headers: { 'retry-after': '1' } });
  });

  it('work without prepared statements and start-up parameters, for poolers', async () => {
    const db = open(url, { prepare: false });
    for (let i = 0; i < 3; i++) expect(await db.one('select $1::int as x', [i])).to.deep.equal({ x: i });
    expect(await db.one("select current_setting('default_transaction_read_only') as x")).to.deep.equal({
      x: 'off',
    });
    expect(await db.many('select name from pg_prepared_statements')).to.deep.equal([]);
  });

  it('are counted with their operation and the SQLSTATE of their failure, and run in a span', async () => {
    const records: unknown[] = [];
    const spans: unknown[] = [];
    const db = open(url, {
      observer: {
        record: (operation, microseconds, errorType) => {
          expect(microseconds).to.be.a('number').that.is.at.least(0);
          records.push([operation, errorType]);
        },
        span: (name, attributes, fn) => {
          spans.push([name, attributes['db.query.text']]);
          return fn();
        },
      },
    });
    await db.query('select 1');
    await rejection(db.query('insert into item values (700, null), (700, null)'));
    expect(records).to.deep.equal([
      ['SELECT', undefined],
      ['INSERT', '23505'],
    ]);
    const { pathname } = new URL(url);
    expect(spans[0]).to.deep.equal([`SELECT ${pathname.slice(1)}`, 'select 1']);
  });

  it('of a closed database are refused as not executed', async () => {
    const db = open(url);
    await db.query('select 1');
    await db.close();
    expect(await rejection(db.query('select 1'))).to.have.property('code', 'DATABASE_BUSY');
    expect(db.size.open).to.equal(0);
  });
});
