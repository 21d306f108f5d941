import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { ClosableDatabase } from '#src/db/create-database.js';
import type { Transaction } from '#src/db/database.js';
import { ConnectionPool } from '#src/db/pool.js';
import { localBudget } from '#test/support/local-budget.js';
import { silentLog } from '#test/support/silent-log.js';
import { until } from '#test/support/until.js';
import { deferred } from './fixtures/deferred.js';
import { closeOpened, migratedDatabase, open, rejection, sharedBudgets } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

/** A transaction that lasts until `release` is called. */
function held(): {
  readonly hold: (tx: Transaction) => Promise<void>;
  readonly begun: Promise<void>;
  release(): void;
} {
  const begun = deferred();
  const end = deferred();
  return {
    begun: begun.promise,
    release: end.resolve,
    async hold(tx) {
      await tx.query('select 1');
      begun.resolve();
      await end.promise;
    },
  };
}

describe('the connections of a database', () => {
  let url: string;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (id bigint generated always as identity, note text)');
  });
  afterEach(closeOpened);
  /** The same database in two workers. */
  const pair = (most: number): [ClosableDatabase, ClosableDatabase] =>
    sharedBudgets(most).map((budget) => open(url, { budget })) as [ClosableDatabase, ClosableDatabase];

  it('are opened on first use', async () => {
    const db = open(url);
    expect(db.size.open).to.equal(0);
    await db.query('select 1');
    expect(db.size.open).to.equal(1);
  });

  it('are open again soon after an outage, although another worker has opened all of them meanwhile', async () => {
    const proxy = await startProxy(url);
    const [theirs, ours] = sharedBudgets(1);
    const [other, db] = [open(url, { budget: theirs! }), open(proxy.url, { budget: ours! })];
    await db.query('select 1');
    await proxy.refuse();
    await rejection(withDeadline(300, () => db.query('select 1')));
    let isOver = false;
    const busy = (async () => {
      while (!isOver) await other.query('select 1').catch(() => undefined);
    })();
    await other.query('select 1');
    await proxy.listen();
    try {
      expect((await withDeadline(5_000, () => db.query('select 1'))).rowCount).to.equal(1);
    } finally {
      isOver = true;
      await busy;
      await db.close();
      await proxy.close();
    }
  });

  it('are closed when they have been idle', async () => {
    const { promise: released, resolve } = deferred();
    const budget = { ...localBudget(1), release: resolve };
    const pool = new ConnectionPool({
      connection: { url, applicationName: 'test', statementTimeoutMs: 5000 },
      budget,
      readOnlySessions: true,
      log: silentLog,
      idleMs: 10,
    });
    await pool.exclusive(performance.now() + 5000).then((connection) => pool.release(connection));
    expect(pool.size.open).to.equal(1);
    await released;
    expect(pool.size.open).to.equal(0);
    await pool.close();
  });

  it('are a few for writes, so that their commits share a flush', async () => {
    const db = open(url, { budget: localBudget(50) });
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 64 }, () => db.query("insert into item (note) values ('x')")));
    }
    expect(db.size.open).to.be.within(2, 12); // 2 to 4, and some more where commits take long
  });

  it('never exceed the budget, and serve all callers in turn within it', async () => {
    let held = 0;
    let most = 0;
    const [first, second] = sharedBudgets(3).map((budget) =>
      open(url, {
        budget: {
          get poorestWaiting() {
            return budget.poorestWaiting;
          },
          announceWaiting: () => budget.announceWaiting(),
          endWaiting: () => budget.endWaiting(),
          tryAcquire: () => {
            const acquired = budget.tryAcquire();
            if (acquired) most = Math.max(most, ++held);
            return acquired;
          },
          release: () => {
            held--;
            budget.release();
          },
          refused: () => budget.refused(),
        },
      }),
    ) as [ClosableDatabase, ClosableDatabase];
    const work = Array.from({ length: 60 }, (_, i) => {
      const db = i % 2 === 0 ? first : second;
      if (i % 3 === 0) return db.one('select 1 as x');
      if (i % 3 === 1) return db.query("insert into item (note) values ('y')");
      return db.transaction((tx) => tx.query("insert into item (note) values ('z')"));
    });
    await Promise.all(work);
    expect(most).to.equal(3);
    await closeOpened();
    expect(held).to.equal(0);
  });

  for (const budget of [1, 2]) {
    it(`serve reads, writes and transactions in turn on a budget of ${budget}`, async () => {
      const db = open(url, { budget: localBudget(budget) });
      for (let i = 0; i < 3; i++) {
        expect(await db.one('select 1 as x')).to.deep.equal({ x: 1 });
        await db.query("insert into item (note) values ('w')");
        await db.transaction((tx) => tx.query("insert into item (note) values ('t')"));
      }
    });
  }

  it('fail with 503 DATABASE_BUSY and Retry-After when none becomes free in half of the time', async () => {
    const db = open(url, { budget: localBudget(1) });
    const holder = held();
    const holding = db.transaction(holder.hold);
    await holder.begun;
    const busy = await Promise.all([
      rejection(withDeadline(200, () => db.query('select 1'))),
      rejection(withDeadline(200, () => db.transaction((tx) => tx.query('select 1')))),
    ]);
    for (const error of busy) {
      expect(error).to.deep.include({ code: 'DATABASE_BUSY', status: 503, headers: { 'retry-after': '1' } });
    }
    holder.release();
    await holding;
    expect(await db.one('select 1 as x')).to.deep.equal({ x: 1 });
  });

  it('are handed on as soon as a transaction ends', async () => {
    const db = open(url, { budget: localBudget(1) });
    const holder = held();
    const holding = db.transaction(holder.hold);
    await holder.begun;
    const waiting = withDeadline(5000, () => db.one('select 2 as x'));
    expect(db.size).to.deep.equal({ open: 1, used: 1, idle: 0, waiting: 1 });
    const before = db.waitedMs;
    while (db.waitedMs < before + 1) await new Promise(setImmediate);
    holder.release();
    await holding;
    expect(await waiting).to.deep.equal({ x: 2 });
    const afterwards = db.waitedMs;
    await db.query('select 3 as x');
    expect(db.waitedMs).to.equal(afterwards);
  });

  it('that are idle are closed when another database finds none', async () => {
    const [rich, poor] = pair(1);
    await rich.query('select 1');
    expect(rich.size.open).to.equal(1);
    expect(await withDeadline(2000, () => poor.one('select 3 as x'))).to.deep.equal({ x: 3 });
    expect(rich.size.open).to.equal(0);
  });

  it('beyond the first are closed under load when another database has none', async () => {
    const [busy, poor] = pair(3);
    let stop = false;
    const load = async (): Promise<void> => {
      while (!stop) {
        await Promise.all(
          Array.from({ length: 16 }, () => busy.query("insert into item (note) values ('l')")),
        );
      }
    };
    const loading = [load(), load()];
    while (busy.size.open < 3) await busy.query('select 1');
    expect(await withDeadline(5000, () => poor.one('select 4 as x'))).to.deep.equal({ x: 4 });
    stop = true;
    await Promise.all(loading);
  });

  it('are used in turn when there are fewer than workers that are busy all the time', async () => {
    const [busy, poor] = pair(1);
    let stop = false;
    const load = async (): Promise<void> => {
      while (!stop) await busy.one('select 1 as x from pg_sleep(0.002)');
    };
    const loading = Array.from({ length: 4 }, load);
    await busy.query('select 1');
    expect(await withDeadline(5000, () => poor.one('select 5 as x'))).to.deep.equal({ x: 5 });
    expect(await withDeadline(5000, () => busy.one('select 6 as x'))).to.deep.equal({ x: 6 });
    stop = true;
    await Promise.all(loading);
  });

  it('are closed for other pools between transactions, however many of those wait', async () => {
    for (const most of [1, 3]) {
      const [busy, poor] = pair(most);
      let stop = false;
      const load = async (): Promise<void> => {
        while (!stop) await busy.transaction((tx) => tx.query('select pg_sleep(0.002)'));
      };
      const loading = Array.from({ length: 4 * most }, load);
      while (busy.size.open < most) await busy.query('select 1');
      expect(await withDeadline(5000, () => poor.one('select 7 as x'))).to.deep.equal({ x: 7 });
      stop = true;
      await Promise.all(loading);
      await closeOpened();
    }
  });

  it('serve a transaction beside a stream of writes', async () => {
    const db = open(url, { budget: localBudget(1) });
    let stop = false;
    const load = async (): Promise<void> => {
      while (!stop) await db.query("insert into item (note) select 's' from pg_sleep(0.005)");
    };
    const loading = Array.from({ length: 8 }, load);
    for (let i = 0; i < 3; i++) {
      await withDeadline(5000, () => db.transaction((tx) => tx.query('select 1')));
    }
    stop = true;
    await Promise.all(loading);
  });

  it('keep the process alive while a caller waits for one, and not afterwards', async () => {
    const script = fileURLToPath(new URL('./fixtures/waiting.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    expect(stdout).to.equal('DATABASE_BUSY');
  });

  it('fail at once, not at the deadline, when the server has been unreachable for long', async () => {
    const proxy = await startProxy(url);
    await proxy.refuse();
    const db = open(proxy.url);
    // The first callers find out; they were patient for two seconds.
    expect(await rejection(db.query('select 1'))).to.have.property('code', 'DATABASE_BUSY');
    for (let i = 0; i < 5; i++) {
      const soon = rejection(withDeadline(60_000, () => db.query('select 1')));
      expect(await soon).to.have.property('code', 'DATABASE_BUSY');
    }
    await proxy.listen();
    const answer = await until(
      () => db.one('select 6 as x').catch(() => undefined),
      (found) => found !== undefined,
    );
    expect(answer).to.deep.equal({ x: 6 });
    await closeOpened();
    await proxy.close();
  }).timeout(15_000);

  it('are closed once, even if close is called again', async () => {
    const db = open(url);
    await db.query('select 1');
    await Promise.all([db.close(), db.close()]);
    await db.close();
    expect(db.size.open).to.equal(0);
  });

  it('are not waited for when they are closed while a silent server is being logged in to', async () => {
    const arrived = deferred();
    const left = deferred();
    const server = createServer((socket) => {
      socket.on('error', () => undefined).on('close', left.resolve);
      socket.resume();
      arrived.resolve();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
    const budget = localBudget(1);
    const db = open(`postgres://postgres@127.0.0.1:${port}/x`, { budget, log: log as never });
    const failed = rejection(db.query('select 1'));
    await arrived.promise;
    await db.close();
    await left.promise;
    expect(await failed).to.include({ code: 'DATABASE_BUSY' });
    expect(warnings, 'no limit of time has ended the attempt').to.deep.equal([]);
    expect(budget.tryAcquire(), 'the connection is out of the budget no more').to.equal(true);
    server.close();
  }).timeout(15_000);

  it('are closed after the statements under way', async () => {
    const db = open(url);
    await db.query('select 1');
    const answer = db.one('select 8 as x from pg_sleep(0.1)');
    await new Promise(setImmediate);
    await db.close();
    expect(await answer).to.deep.equal({ x: 8 });
  });

  it('are closed after a transaction under way, also between its statements', async () => {
    const db = open(url);
    let closing: Promise<void> | undefined;
    const row = await db.transaction(async (tx) => {
      await tx.query('select 1');
      closing = db.close();
      await tx.query("insert into item (note) values ('c')");
      return tx.one('select 9 as x');
    });
    expect(row).to.deep.equal({ x: 9 });
    await closing;
    expect(await open(url).one("select count(*) as n from item where note = 'c'")).to.deep.equal({ n: 1 });
  });
});
