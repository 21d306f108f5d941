import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import type { ClosableDatabase } from '#src/db/create-database.js';
import { localBudget } from '#test/support/local-budget.js';
import { deferred } from './fixtures/deferred.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { withDeadline } from './fixtures/scope.js';

/** Reads and writes of `item` that take a given time. */
const READ = 'select count(*) from item, pg_sleep($1)';
const WRITE = 'insert into item (note) select $2 from pg_sleep($1)';

describe('the connections of a database under more load than they can carry', () => {
  let url: string;
  let blocker: pg.Client;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (note text)');
  });
  beforeEach(async () => {
    blocker = new pg.Client({ connectionString: url });
    await blocker.connect();
  });
  afterEach(async () => {
    await blocker.end();
    await closeOpened();
  });

  /** Nothing that uses the table goes on until `release`. */
  const block = (): Promise<unknown> => blocker.query('begin; lock table item in access exclusive mode');
  const release = (): Promise<unknown> => blocker.query('rollback');
  /** A database that knows by experience that both statements are slow. */
  const experienced = async (most: number): Promise<ClosableDatabase> => {
    const db = open(url, { budget: localBudget(most) });
    await db.query(READ, [0.1]);
    await db.query(WRITE, [0.1, 'before']);
    return db;
  };

  it('let no statement wait behind a slow one while more connections can be opened', async () => {
    const db = await experienced(4);
    await block();
    const slow = [db.query(READ, [0]), db.query(WRITE, [0, 'slow'])];
    expect(await withDeadline(2_000, () => db.one('select 1 as x'))).to.deep.equal({ x: 1 });
    await withDeadline(2_000, () => db.query('create table beside (id int)'));
    await release();
    await Promise.all(slow);
  });

  it('become as many as a burst of slow reads needs', async () => {
    const db = await experienced(20);
    await withDeadline(1_500, () => Promise.all(Array.from({ length: 20 }, () => db.query(READ, [0.1]))));
    expect(db.size.open).to.be.greaterThan(5);
  });

  it('execute nothing of a caller that has given up', async () => {
    const db = await experienced(1);
    await block();
    const slow = db.query(WRITE, [0, 'slow']);
    const error = await rejection(withDeadline(100, () => db.query(WRITE, [0, 'given up'])));
    expect(error).to.deep.include({ code: 'DATABASE_BUSY', status: 503 });
    await release();
    await slow;
    expect(await db.one("select count(*) as n from item where note = 'given up'")).to.deep.equal({ n: 0 });
  });

  it('are not held by statements that no caller waits for while others wait', async () => {
    const db = await experienced(1);
    await block();
    const left = Array.from({ length: 5 }, () => rejection(withDeadline(50, () => db.query(READ, [0]))));
    await Promise.all(left);
    expect(await withDeadline(4_000, () => db.one('select 2 as x'))).to.deep.equal({ x: 2 });
    await release();
  });

  it('serve reads, writes and transactions beside streams of slow statements of another kind', async () => {
    const db = open(url, { budget: localBudget(1) });
    for (const [text, values] of [
      [READ, [0.01]],
      [WRITE, [0.01, 'stream']],
    ] as const) {
      let isOver = false;
      const stream = async (): Promise<void> => {
        while (!isOver) await db.query(text, values);
      };
      const streams = Array.from({ length: 8 }, stream);
      for (let round = 0; round < 3; round++) {
        await withDeadline(5_000, () => db.query('insert into item values ($1)', ['beside']));
        await withDeadline(5_000, () => db.query('select count(*) from item'));
        await withDeadline(5_000, () => db.transaction((tx) => tx.query('select 1')));
      }
      isOver = true;
      await Promise.all(streams);
    }
  }).timeout(20_000);

  it('go from a burst of reads to transactions', async () => {
    const db = await experienced(4);
    await Promise.all(Array.from({ length: 30 }, () => db.query(READ, [0.05])));
    expect(db.size.open).to.equal(4);
    const end = deferred();
    const begun = [deferred(), deferred(), deferred()];
    const transactions = begun.map(({ resolve }) =>
      db.transaction(async (tx) => {
        await tx.query('select 1');
        resolve();
        await end.promise;
      }),
    );
    await withDeadline(5_000, () => Promise.all(begun.map(({ promise }) => promise)));
    end.resolve();
    await Promise.all(transactions);
  });

  it('commit all transactions that they begin at twice their capacity, and refuse the others as not executed', async () => {
    const db = open(url, { budget: localBudget(4) });
    const refused: unknown[] = [];
    let begun = 0;
    let committed = 0;
    const one = async (): Promise<void> => {
      const work = db.transaction(async (tx) => {
        begun++;
        await tx.query('select pg_sleep(0.1)');
      });
      await work.then(
        () => committed++,
        (error: { code?: unknown }) => refused.push(error.code),
      );
    };
    // The line is as long as a caller may wait from the start, then two come for each that can be served.
    const all = Array.from({ length: 60 }, () => withDeadline(1_000, one));
    for (let round = 0; round < 15; round++) {
      await delay(100);
      all.push(...Array.from({ length: 8 }, () => withDeadline(1_000, one)));
    }
    await Promise.all(all);
    expect(committed).to.equal(begun);
    expect(committed).to.be.greaterThan(60); // 80 could have been while all came
    expect(new Set(refused)).to.deep.equal(new Set(['DATABASE_BUSY']));
    expect(committed + refused.length).to.equal(180);
  }).timeout(10_000);

  it('cause one line in the log, however many callers are refused', async () => {
    const lines: string[] = [];
    const log = { warn: (_details: object, message: string) => void lines.push(message) };
    const db = open(url, { budget: localBudget(1), log });
    const end = deferred();
    const begun = deferred();
    const holding = db.transaction(async (tx) => {
      await tx.query('select 1');
      begun.resolve();
      await end.promise;
    });
    await begun.promise;
    await Promise.all(
      Array.from({ length: 10 }, () => rejection(withDeadline(50, () => db.query('select 1')))),
    );
    expect(lines).to.have.length(1);
    expect(lines[0]).to.include('DATABASE_POOL_MAX');
    end.resolve();
    await holding;
  });
});
