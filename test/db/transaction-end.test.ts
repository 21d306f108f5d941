import { expect } from 'chai';
import { DatabaseMisuseError, OutcomeUnknownError } from '#src/db/database-errors.js';
import { currentScope, runInScope } from '#src/scope.js';
import { heldScope } from '#test/support/held-scope.js';
import { localBudget } from '#test/support/local-budget.js';
import { deferred } from './fixtures/deferred.js';
import { databaseWithItems, insert, itemIds } from './fixtures/items.js';
import { closeOpened, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

describe('the end of a transaction', () => {
  let url: string;

  before(async () => {
    url = await databaseWithItems();
  });

  afterEach(async () => {
    await open(url).query('truncate item');
    await closeOpened();
  });

  const ids = (): Promise<unknown[]> => itemIds(url);

  it('loses its locks soon after its deadline when its host vanishes', async () => {
    const proxy = await startProxy(url);
    const inserted = deferred();
    const lost = withDeadline(300, () =>
      open(proxy.url).transaction(async (tx) => {
        await insert(1)(tx);
        inserted.resolve();
        await new Promise(() => {});
      }),
    ).catch(() => {});
    await inserted.promise;
    proxy.vanish();
    await open(url).transaction(insert(1));
    expect(await ids()).to.deep.equal([1]);
    await lost;
    await proxy.close();
  });

  /** To open a session may take longer than what is left of a short deadline. */
  const opened = (db: ReturnType<typeof open>) => db.transaction((tx) => tx.query('select 1'));

  it('is rolled back at the deadline while a statement is under way, and its session is free again', async () => {
    const db = open(url, { budget: localBudget(1) });
    await opened(db);
    const error = await rejection(
      withDeadline(150, () =>
        db.transaction(async (tx) => {
          await insert(1)(tx);
          await tx.query('select pg_sleep(10)');
        }),
      ),
    );
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    expect(error).to.not.be.instanceOf(OutcomeUnknownError);
    await db.transaction(insert(2));
    expect(await ids()).to.deep.equal([2]);
  });

  it('is rolled back at the deadline when its function hangs', async () => {
    const db = open(url, { budget: localBudget(1) });
    await opened(db);
    const error = await rejection(
      withDeadline(150, () =>
        db.transaction(async (tx) => {
          await insert(1)(tx);
          await new Promise(() => {});
        }),
      ),
    );
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    await db.transaction(insert(2));
    expect(await ids()).to.deep.equal([2]);
  });

  it('has certainly changed nothing when its session is lost before the commit', async () => {
    const proxy = await startProxy(url);
    const db = open(proxy.url);
    const error = await rejection(
      db.transaction(async (tx) => {
        await insert(1)(tx);
        proxy.cut();
        await insert(2)(tx);
      }),
    );
    expect(error).to.deep.include({ code: 'DATABASE_BUSY', status: 503 });
    expect(await ids()).to.deep.equal([]);
    await db.close();
    await proxy.close();
  });

  it('has an unknown outcome when its commit is not confirmed', async () => {
    const proxy = await startProxy(url);
    const db = open(proxy.url);
    const error = await rejection(
      db.transaction(async (tx) => {
        await insert(1)(tx);
        proxy.onRequest = (data) => {
          if (!data.includes('commit')) return;
          proxy.swallowAnswers();
          setTimeout(() => proxy.cut(), 50);
        };
      }),
    );
    expect(error).to.be.instanceOf(OutcomeUnknownError);
    expect(error).to.deep.include({ code: 'INTERNAL', retryable: false });
    expect(await ids()).to.deep.equal([1]); // here it had happened
    await db.close();
    await proxy.close();
  });

  it('has an unknown outcome when its commit is not confirmed before the deadline', async () => {
    const proxy = await startProxy(url);
    const db = open(proxy.url);
    const error = await rejection(
      withDeadline(300, () =>
        db.transaction(async (tx) => {
          await insert(1)(tx);
          proxy.onRequest = (data) => {
            if (data.includes('commit')) proxy.swallowAnswers();
          };
        }),
      ),
    );
    expect(error).to.be.instanceOf(OutcomeUnknownError);
    expect(error).to.have.property('code', 'DEADLINE_EXCEEDED');
    await proxy.close();
  });

  it('is rolled back by a deadlock, and may be repeated', async () => {
    const db = open(url);
    await db.query('insert into item values (1, 1), (2, 2)');
    let met = 0;
    const both = deferred();
    const lockBoth = (first: number, second: number) =>
      db.transaction(async (tx) => {
        await tx.query("set local deadlock_timeout = '10ms'");
        await tx.query('select from item where id = $1 for update', [first]);
        if (++met === 2) both.resolve();
        await both.promise;
        await tx.query('select from item where id = $1 for update', [second]);
      });
    const results = await Promise.allSettled([lockBoth(1, 2), lockBoth(2, 1)]);
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as Error] : [],
    );
    expect(failures).to.have.length(1);
    expect(failures[0]).to.deep.include({ code: 'DATABASE_BUSY', retryable: true });
  });

  it('is rolled back at once when its request is interrupted, and never reports a commit', async () => {
    const db = open(url, { budget: localBudget(1) });
    const [scope, begun, goesOn] = [heldScope(), deferred<void>(), deferred<void>()];
    const broken = runInScope(scope, () =>
      rejection(
        db.transaction(async (tx) => {
          await insert(1)(tx);
          begun.resolve();
          await goesOn.promise;
        }),
      ),
    );
    await begun.promise;
    scope.holds.release();
    goesOn.resolve();
    await db.transaction(insert(1)); // on the only session, and no lock is left on the row
    expect(await broken).to.be.instanceOf(DatabaseMisuseError);
    expect(await ids()).to.deep.equal([1]);
  });

  it('gives the time until the deadline to the server as a limit', async () => {
    const row = await withDeadline(10_000, () =>
      open(url).transaction((tx) =>
        tx.one<{ ms: number }>(
          "select extract(epoch from current_setting('statement_timeout')::interval)::float8 * 1000 as ms",
        ),
      ),
    );
    expect(row.ms).to.be.within(5_000, 10_000);
  });

  it('shortens the limits on the server as the deadline comes near', async () => {
    await withDeadline(400, () =>
      open(url).transaction(async (tx) => {
        const until = performance.now() + 250;
        while (performance.now() < until) await tx.query('select 1');
        const left = currentScope()!.deadline.remainingMs();
        const { statement, idle } = await tx.one<{ statement: string; idle: string }>(
          "select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle",
        );
        expect(Number.parseInt(statement, 10)).to.be.at.most(2 * left + 2);
        expect(Number.parseInt(idle, 10)).to.be.at.most(2 * left + 1_002);
      }),
    );
  });
});
