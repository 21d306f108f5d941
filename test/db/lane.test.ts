import { expect } from 'chai';
import { DatabaseMisuseError, OutcomeUnknownError } from '#src/db/database-errors.js';
import { StatementError } from '#src/db/statement-error.js';
import { localBudget } from '#test/support/local-budget.js';
import { until } from '#test/support/until.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';
import { terminateOthers } from './fixtures/terminate-others.js';

describe('single statements', () => {
  let url: string;

  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (id bigint primary key, name text unique)');
  });

  afterEach(closeOpened);

  it('that wait are sent to another session when theirs ends, even if its connection is not closed', async () => {
    const proxy = await startProxy(url);
    proxy.keepOpen();
    const db = open(proxy.url, { budget: localBudget(1) });
    await db.query('delete from item');
    const begun = performance.now();
    const slow = rejection(db.query('insert into item select 1, pg_sleep(60)::text'));
    // Until the statement is known to be slow, others are sent after it.
    await until(
      () => db.size.used === 1 && performance.now() - begun > 200,
      (isSlow) => isSlow,
    );
    const waiting = Array.from({ length: 40 }, (_, id) =>
      db.query('insert into item values ($1)', [id + 10]),
    );
    await terminateOthers(url);
    expect(await slow).to.be.instanceOf(OutcomeUnknownError);
    await Promise.all(waiting);
    await terminateOthers(url);
    await until(
      () => db.size.open,
      (sessions) => sessions === 0,
    );
    await db.query('insert into item values (9)');
    await open(url).query('delete from item');
    await proxy.close();
  });

  it('get their own rows when many are sent at once on one session', async () => {
    const db = open(url, { budget: localBudget(1) });
    const rows = await Promise.all(Array.from({ length: 500 }, (_, i) => db.one('select $1::int as i', [i])));
    expect(rows).to.deep.equal(Array.from({ length: 500 }, (_, i) => ({ i })));
    expect(db.size.open).to.equal(1);
  });

  it('fail alone: those pipelined after a failing one succeed', async () => {
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

  it('distinguish no row, one row and several', async () => {
    const db = open(url);
    expect(await rejection(db.one('select 1 where false'))).to.have.property('code', 'NOT_FOUND');
    expect(await db.maybeOne('select 1 where false')).to.equal(undefined);
    expect(await rejection(db.maybeOne('select generate_series(1, 2)'))).to.be.instanceOf(Error);
    expect(await db.many('select generate_series(1, 2) as n')).to.deep.equal([{ n: 1 }, { n: 2 }]);
  });

  it('may not begin a transaction or change the shared session', async () => {
    const db = open(url);
    for (const text of ['begin', 'set work_mem = 1', 'listen x', 'select pg_advisory_lock(1)']) {
      expect(await rejection(db.query(text)), text).to.be.instanceOf(DatabaseMisuseError);
    }
    expect(await rejection(db.query('select 1; begin'))).to.be.instanceOf(StatementError);
  });

  it('end at the deadline of the request, and the late response is dropped', async () => {
    const db = open(url);
    await db.query('select 1'); // its session is open
    const error = await rejection(withDeadline(100, () => db.query('select pg_sleep(0.4)')));
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(await db.one('select 5 as x')).to.deep.equal({ x: 5 });
  });

  it('that write and reach their deadline have an unknown outcome', async () => {
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

  it('are cancelled by the server at the statement timeout, without effect', async () => {
    const db = open(url, { statementTimeoutMs: 100 });
    const error = await rejection(db.query("insert into item select 300, 'slow' from pg_sleep(1)"));
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(error).to.not.be.instanceOf(OutcomeUnknownError);
    expect(await db.maybeOne('select 1 from item where id = 300')).to.equal(undefined);
  });

  it('fail with 503 DATABASE_BUSY and Retry-After while the server cannot be reached', async () => {
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
        span: (statement, fn) => {
          spans.push(statement);
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
    expect(spans[0]).to.equal('select 1');
  });

  it('are refused as not executed when the database is closed', async () => {
    const db = open(url);
    await db.query('select 1');
    await db.close();
    expect(await rejection(db.query('select 1'))).to.have.property('code', 'DATABASE_BUSY');
    expect(db.size.open).to.equal(0);
  });
});
