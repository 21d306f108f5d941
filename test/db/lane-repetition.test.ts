import { expect } from 'chai';
import { OutcomeUnknownError } from '#src/db/database-errors.js';
import { StatementError } from '#src/db/statement-error.js';
import { localBudget } from '#test/support/local-budget.js';
import { until } from '#test/support/until.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { terminateOthers } from './fixtures/terminate-others.js';

describe('single statements that fail or may be repeated', () => {
  let url: string;

  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (id bigint primary key, name text unique)');
  });

  afterEach(closeOpened);

  const untilOneSleeps = async (): Promise<void> => {
    const observer = open(url);
    const sleeping = `select count(*) as n from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`;
    await until(
      () => observer.one<{ n: number }>(sleeping),
      ({ n }) => n === 1,
    );
  };

  it('that commit in between have an unknown outcome when they fail, and are not repeated', async () => {
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

  it('succeed after a change of the table for which they were prepared', async () => {
    const db = open(url);
    await db.query('create table changing (a int)');
    for (let i = 0; i < 3; i++) await db.many('select * from changing');
    await db.query('alter table changing add column b int');
    await db.query('insert into changing values (1, 2)');
    expect(await db.many('select * from changing')).to.deep.equal([{ a: 1, b: 2 }]);
  });

  it('succeed after a change of the column types for which they were prepared', async () => {
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

  it('whose values do not fit are refused, and leave no prepared statement behind', async () => {
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

  it('that read are repeated when their session is terminated meanwhile', async () => {
    const db = open(url);
    const started = db.one('select 7 as x from pg_sleep(0.3)');
    await db.query("insert into item values (500, 'other session') on conflict do nothing");
    await terminateOthers(url);
    expect(await started).to.deep.equal({ x: 7 });
  });

  it('that write are never repeated, and have an unknown outcome when their session is lost', async () => {
    const db = open(url);
    const started = rejection(db.query("insert into item select 600, 'lost' from pg_sleep(60)"));
    await untilOneSleeps();
    await terminateOthers(url);
    expect(await started).to.be.instanceOf(OutcomeUnknownError);
    expect(await started).to.deep.include({ code: 'INTERNAL', retryable: false });
  });

  it('that notify are never repeated', async () => {
    const notifying = rejection(open(url).query("select pg_notify('news', 'one'), pg_sleep(60)"));
    await untilOneSleeps();
    await terminateOthers(url);
    expect(await notifying).to.be.instanceOf(OutcomeUnknownError);
  });

  it('succeed after their sessions were terminated', async () => {
    const db = open(url);
    await Promise.all([db.query('select 1'), db.query("insert into item values (400, 'x')")]);
    await terminateOthers(url);
    expect(await db.one('select 2 as x')).to.deep.equal({ x: 2 });
  });

  it('wait for a server that is away for a moment', async () => {
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

  it('that look like a read but write are carried out once', async () => {
    const db = open(url);
    await db.query('create sequence counter');
    expect(await db.one("select nextval('counter') as n")).to.deep.equal({ n: 1 });
    expect(await db.one("select nextval('counter') as n")).to.deep.equal({ n: 2 });
  });
});
