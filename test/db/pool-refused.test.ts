import { expect } from 'chai';
import { Outage } from '#src/db/outage.js';
import { localBudget } from '#test/support/local-budget.js';
import { deferred } from './fixtures/deferred.js';
import { closeOpened, migratedDatabase, open, rejection, sharedBudgets } from './fixtures/open.js';
import { withDeadline } from './fixtures/scope.js';

describe('the connections of a server that grants fewer than the budget', () => {
  let url: string;
  before(async () => {
    url = await migratedDatabase();
  });
  afterEach(closeOpened);

  let roles = 0;
  /** URL of the same database for a role with this limit of connections. */
  const limitedTo = async (connections: number): Promise<string> => {
    const role = `few_${process.pid}_${++roles}`;
    await open(url).query(`create role ${role} login password 'few' connection limit ${connections}`);
    const limited = new URL(url);
    limited.username = role;
    limited.password = 'few';
    return limited.href;
  };

  it('serve all callers in turn, however long one connection is in use', async () => {
    const db = open(await limitedTo(1));
    const begun = deferred();
    const holding = db.transaction(async (tx) => {
      await tx.query('select 1');
      begun.resolve();
      await tx.query('select pg_sleep(2.5)'); // longer than an outage has anybody wait
    });
    await begun.promise;
    const waiting = [
      db.transaction((tx) => tx.one('select 1 as x')),
      db.one('select 1 as x'),
      db.transaction((tx) => tx.one('select 1 as x')),
    ];
    await holding;
    expect(await Promise.all(waiting)).to.deep.equal([{ x: 1 }, { x: 1 }, { x: 1 }]);
    expect(db.size).to.include({ open: 1, waiting: 0 });
  }).timeout(10_000);

  it('serve a transaction beside a stream of writes', async () => {
    const db = open(await limitedTo(1));
    let stop = false;
    const load = async (): Promise<void> => {
      while (!stop) await db.query('do $$ begin perform pg_sleep(0.005); end $$');
    };
    const loading = Array.from({ length: 8 }, load);
    for (let i = 0; i < 3; i++) {
      await withDeadline(5_000, () => db.transaction((tx) => tx.query('select 1')));
    }
    stop = true;
    await Promise.all(loading);
  });

  it('fail with 503 DATABASE_BUSY and the reason when half of the time is over', async () => {
    const db = open(await limitedTo(1));
    const begun = deferred();
    const end = deferred();
    const holding = db.transaction(async (tx) => {
      await tx.query('select 1');
      begun.resolve();
      await end.promise;
    });
    await begun.promise;
    const error = await rejection(withDeadline(300, () => db.transaction((tx) => tx.query('select 1'))));
    expect(error).to.deep.include({ code: 'DATABASE_BUSY', status: 503 });
    expect(error.message).to.include('the server grants no more');
    end.resolve();
    await holding;
  });

  it('are shared among workers although the budget is not spent', async () => {
    const limited = await limitedTo(2);
    const [busy, poor] = sharedBudgets(10).map((budget) => open(limited, { budget }));
    let stop = false;
    const load = async (): Promise<void> => {
      while (!stop) await busy!.transaction((tx) => tx.query('select pg_sleep(0.002)'));
    };
    const loading = Array.from({ length: 8 }, load);
    while (busy!.size.open < 2) await busy!.query('select 1');
    for (let i = 0; i < 3; i++) {
      const row = await withDeadline(5_000, () => poor!.transaction((tx) => tx.one('select 7 as x')));
      expect(row).to.deep.equal({ x: 7 });
    }
    stop = true;
    await Promise.all(loading);
  }).timeout(20_000);

  it('are requested again when the server grants more', async () => {
    const limited = await limitedTo(1);
    const role = new URL(limited).username;
    const db = open(limited, { budget: localBudget(2) });
    const second = deferred();
    const hold = db.transaction(async (tx) => {
      await tx.query('select 1');
      await second.promise;
    });
    const waiting = db.transaction((tx) => tx.one('select 1 as x'));
    await open(url).query(`alter role ${role} connection limit 2`);
    expect(await waiting).to.deep.equal({ x: 1 });
    second.resolve();
    await hold;
  });

  it('cause no outage while a session lives, for whatever reason new ones fail', () => {
    const failed = (before: Outage | undefined, now: number, hasSession: boolean): Outage =>
      Outage.after(before, { cause: 'cause', startedAt: now, hasSession, random: 0 }, now);
    const begun = failed(undefined, 0, true);
    const still = failed(begun, 5_000, true);
    expect(still.isLong(5_001)).to.equal(false);
    const alone = failed(still, 6_000, false);
    expect(alone.isLong(6_001)).to.equal(false);
    expect(failed(alone, 8_000, false).isLong(8_000)).to.equal(true);
  });
});
