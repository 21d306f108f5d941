import { expect } from 'chai';
import type { Transaction } from '#src/db/database.js';
import { DatabaseMisuseError } from '#src/db/database-errors.js';
import { isUniqueViolation } from '#src/db/statement-error.js';
import { localBudget } from '#test/support/local-budget.js';
import { databaseWithItems, insert, itemIds } from './fixtures/items.js';
import { closeOpened, open, rejection } from './fixtures/open.js';

describe('a transaction', () => {
  let url: string;

  before(async () => {
    url = await databaseWithItems();
  });

  afterEach(async () => {
    await open(url).query('truncate item');
    await closeOpened();
  });

  const ids = (): Promise<unknown[]> => itemIds(url);

  it('commits when its function resolves, and returns its value', async () => {
    const value = await open(url).transaction(async (tx) => {
      await insert(1)(tx);
      return tx.one('select count(*) as n from item');
    });
    expect(value).to.deep.equal({ n: 1 });
    expect(await ids()).to.deep.equal([1]);
  });

  it('rolls back when its function rejects, and its session is used again', async () => {
    const db = open(url, { budget: localBudget(1) });
    const refused = new Error('changed my mind');
    const thrown = await rejection(
      db.transaction(async (tx) => {
        await insert(1)(tx);
        throw refused;
      }),
    );
    expect(thrown).to.equal(refused);
    await db.transaction(insert(2));
    expect(await ids()).to.deep.equal([2]);
  });

  it('reports a violated constraint, and commits nothing when its function ignores the error', async () => {
    const db = open(url);
    await db.query('insert into item values (1, 1)');
    expect(isUniqueViolation(await rejection(db.transaction(insert(1))), 'item_pkey')).to.equal(true);
    const swallowed = db.transaction(async (tx) => {
      await insert(2)(tx);
      await insert(1)(tx).catch(() => {});
    });
    expect((await rejection(swallowed)).message).to.include('nothing was committed');
    expect(await ids()).to.deep.equal([1]);
  });

  it('reports a constraint that is only violated at the commit', async () => {
    const db = open(url);
    const error = await rejection(db.transaction((tx) => tx.query('insert into item values (1, 7), (2, 7)')));
    expect(isUniqueViolation(error, 'item_twin_key')).to.equal(true);
    expect(await ids()).to.deep.equal([]);
  });

  it('is read committed, whatever the default of the database is', async () => {
    const { pathname } = new URL(url);
    const database = pathname.slice(1);
    const isolation = "select current_setting('transaction_isolation') as level";
    await open(url).query(`alter database "${database}" set default_transaction_isolation = 'serializable'`);
    const db = open(url);
    expect(await db.transaction((tx) => tx.one(isolation))).to.deep.equal({ level: 'read committed' });
    const asked = db.transaction(async (tx) => {
      await tx.query('set transaction isolation level repeatable read');
      return tx.one(isolation);
    });
    expect(await asked).to.deep.equal({ level: 'repeatable read' });
    await db.query(`alter database "${database}" reset default_transaction_isolation`);
  });

  it('refuses statements after its end', async () => {
    let leaked: Transaction | undefined;
    await open(url).transaction(async (tx) => {
      leaked = tx;
    });
    expect(await rejection(leaked!.query('select 1'))).to.be.instanceOf(DatabaseMisuseError);
  });

  it('can only be begun and ended by db.transaction', async () => {
    for (const text of ['commit', 'rollback', 'begin', 'set work_mem = 1']) {
      const error = await rejection(open(url).transaction((tx) => tx.query(text)));
      expect(error, text).to.be.instanceOf(DatabaseMisuseError);
    }
  });

  it('fails once for each statement whose table has changed, retryably, and never again', async () => {
    const db = open(url, { budget: localBudget(1) });
    await db.query('create table changing as select 1 as one');
    const read = () => db.transaction((tx) => tx.query('select * from changing'));
    for (let times = 0; times < 3; times++) await read();
    await db.query('alter table changing add column two int');
    const error = await rejection(read());
    expect(error).to.deep.include({ code: 'DATABASE_BUSY', retryable: true });
    expect((await read()).rows).to.deep.equal([{ one: 1, two: null }]);
    const together = Array.from({ length: 3 }, () => read());
    expect((await Promise.all(together)).length).to.equal(3);
  });

  it('fails with 503 DATABASE_BUSY when the server accepts no changes', async () => {
    const db = open(url, { budget: localBudget(1) });
    const standby = db.transaction(async (tx) => {
      await tx.query('set transaction read only');
      await insert(1)(tx);
    });
    expect(await rejection(standby)).to.deep.include({ code: 'DATABASE_BUSY', status: 503, retryable: true });
    await db.transaction(insert(2));
    expect(await ids()).to.deep.equal([2]);
  });

  it('may use savepoints', async () => {
    await open(url).transaction(async (tx) => {
      await insert(1)(tx);
      await tx.query('savepoint before');
      await insert(1)(tx).catch(() => {});
      await tx.query('rollback to savepoint before');
      await insert(2)(tx);
    });
    expect(await ids()).to.deep.equal([1, 2]);
  });
});
