import { expect } from 'chai';
import pg from 'pg';
import { localBudget } from '#src/db/budget.js';
import type { StoredResponse, Transaction } from '#src/db/database.js';
import { DatabaseMisuseError, OutcomeUnknownError } from '#src/db/database-errors.js';
import { isUniqueViolation } from '#src/db/statement-error.js';
import { currentScope, runInScope } from '#src/scope.js';
import { heldScope } from '#test/support/held-scope.js';
import { newSeed, seeded } from '#test/support/random.js';
import { deferred } from './fixtures/deferred.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

describe('a transaction', () => {
  let url: string;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query(
      'create table item (id bigint primary key, twin bigint unique deferrable initially deferred)',
    );
  });
  afterEach(async () => {
    await open(url).query('truncate item');
    await closeOpened();
  });

  const ids = async (): Promise<unknown[]> =>
    (await open(url).many('select id from item order by id')).map(({ id }) => id);
  const insert = (id: number) => (tx: Transaction) => tx.query('insert into item values ($1, $1)', [id]);

  it('commits when its function resolves and gives its value', async () => {
    const value = await open(url).transaction(async (tx) => {
      await insert(1)(tx);
      return tx.one('select count(*) as n from item');
    });
    expect(value).to.deep.equal({ n: 1 });
    expect(await ids()).to.deep.equal([1]);
  });

  it('rolls back when its function throws, and the session is used again', async () => {
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

  it('tells a violated constraint, and commits nothing when its function swallows it', async () => {
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

  it('tells a constraint that is only violated at the commit', async () => {
    const db = open(url);
    const error = await rejection(db.transaction((tx) => tx.query('insert into item values (1, 7), (2, 7)')));
    expect(isUniqueViolation(error, 'item_twin_key')).to.equal(true);
    expect(await ids()).to.deep.equal([]);
  });

  it('is read committed whatever the default of the database is', async () => {
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

  it('is dead after its end', async () => {
    let leaked: Transaction | undefined;
    await open(url).transaction(async (tx) => {
      leaked = tx;
    });
    expect(await rejection(leaked!.query('select 1'))).to.be.instanceOf(DatabaseMisuseError);
  });

  it('is begun and ended by nobody else', async () => {
    for (const text of ['commit', 'rollback', 'begin', 'set work_mem = 1']) {
      const error = await rejection(open(url).transaction((tx) => tx.query(text)));
      expect(error, text).to.be.instanceOf(DatabaseMisuseError);
    }
  });

  it('meets a table that has changed once for each statement, retryably, and never again', async () => {
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

  it('is 503 DATABASE_BUSY where the server takes no changes', async () => {
    const db = open(url, { budget: localBudget(1) });
    const standby = db.transaction(async (tx) => {
      await tx.query('set transaction read only');
      await insert(1)(tx);
    });
    expect(await rejection(standby)).to.deep.include({ code: 'DATABASE_BUSY', status: 503, retryable: true });
    await db.transaction(insert(2));
    expect(await ids()).to.deep.equal([2]);
  });

  it('leaves nothing of its session to the next one', async () => {
    const db = open(url, { budget: localBudget(1) });
    for (const text of [
      "select set_config('app.tenant', '42', false)",
      'create temp table mine (id int)',
      'declare rows cursor with hold for select 1',
    ]) {
      const error = await rejection(db.transaction((tx) => tx.query(text)));
      expect(error, text).to.be.instanceOf(DatabaseMisuseError);
    }
    await db.transaction(async (tx) => {
      await tx.query("select set_config('app.tenant', lower('A'), true)");
      await tx.query('create temp table mine on commit drop as select 1');
    });
    const left = "select current_setting('app.tenant', true) as tenant, to_regclass('pg_temp.mine') as mine";
    expect(await db.transaction((tx) => tx.one(left))).to.deep.equal({ tenant: '', mine: null });
  });

  const CHANGES = `
    perform pg_advisory_lock(4711); set app.tenant = '42'; set timezone = 'Asia/Tokyo'; set role guest;`;
  const SESSION = `select current_setting('app.tenant', true) as tenant, current_setting('timezone') as zone,
    current_setting('role') as role, to_regclass('pg_temp.mine') as mine,
    (select count(*) from pg_locks where locktype = 'advisory' and objid = 4711) as locks`;
  for (const [by, change] of [
    ['a do block', 'do $$ begin execute $x$create temp table mine ()$x$; perform change(); end $$'],
    ['a procedure', 'call change_by_call()'],
  ] as const) {
    it(`leaves nothing to the next owner that ${by} has changed, and neither does a single statement`, async () => {
      const db = open(url, { budget: localBudget(1) });
      const owner = new pg.Client({ connectionString: url });
      await owner.connect();
      await owner.query(`create role guest;
        create or replace function change() returns void language plpgsql as $$ begin ${CHANGES} end $$;
        create or replace procedure change_by_call() language plpgsql as
          $$ begin create temp table mine (); perform change(); end $$`);
      const session = () => db.transaction((tx) => tx.one(SESSION));
      const clean = { ...(await session()), tenant: '' };
      await db.transaction((tx) => tx.query(change));
      expect(await session(), 'committed').to.deep.equal(clean);
      await rejection(db.transaction((tx) => tx.query(change).then(() => tx.query('select 1/0'))));
      expect(await session(), 'rolled back').to.deep.equal(clean);
      await db.query(change);
      expect(await session(), 'single').to.deep.equal(clean);
      expect(clean).to.include({ role: 'none', mine: null, locks: 0 });
      await owner.query('drop role guest');
      await owner.end();
    });
  }

  it('that is given bytes which are gone leaves the statement to the next one', async () => {
    const db = open(url, { budget: localBudget(1) });
    const bytes = new Uint8Array(8);
    const text = 'select length($1::bytea) as length';
    const length = (value: Uint8Array) => db.transaction((tx) => tx.one(text, [value]));
    await length(bytes);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    for (const round of [1, 2]) {
      expect(await rejection(length(bytes)), `round ${round}`).to.be.instanceOf(TypeError);
      expect(await length(new Uint8Array([1, 2, 3]).subarray(1))).to.deep.equal({ length: 2 });
    }
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

  it('hands the rest of the deadline to the server', async () => {
    const row = await withDeadline(10_000, () =>
      open(url).transaction((tx) =>
        tx.one<{ ms: number }>(
          "select extract(epoch from current_setting('statement_timeout')::interval)::float8 * 1000 as ms",
        ),
      ),
    );
    expect(row.ms).to.be.within(5_000, 10_000);
  });

  it('tightens the limits at the server while its time runs out', async () => {
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

  it('is ended by nobody whom it is given to', async () => {
    const db = open(url);
    const given = ['commit', 'rollback', 'last', 'ahead'] as const;
    await db.transaction(async (tx) => {
      for (const name of given) expect(tx).to.not.have.property(name);
    });
    await db.idempotent({ route: 'r', key: 'k', body: null }, async (tx) => {
      for (const name of given) expect(tx).to.not.have.property(name);
      return { status: 200, body: null };
    });
  });

  it('leaves its locks to others soon behind its deadline when its host vanishes', async () => {
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

  it('ends at the deadline with a statement under way: rolled back, session free again', async () => {
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

  it('ends at the deadline when its function hangs', async () => {
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

  it('has its session alone: nothing of one owner is sent inside of another, nor outside', async function () {
    this.timeout(30_000);
    const proxy = await startProxy(url);
    let sent = '';
    proxy.onRequest = (data) => {
      sent += data.toString('latin1');
    };
    // One session for all of them, and deadlines that many of them outlive.
    const db = open(proxy.url, { budget: localBudget(1) });
    const seed = newSeed();
    const random = seeded(seed);
    const finished: Promise<unknown>[] = [];
    const effect = async (tx: Transaction, owner: number): Promise<StoredResponse> => {
      for (let statement = 0; statement < 3; statement++) {
        await tx.query(`select 'owner ${owner}' as owner`).catch(() => {});
        const pause = new Promise((resolve) => setTimeout(resolve, random() * 40));
        finished.push(pause);
        await pause;
      }
      return { status: 200, body: `owner ${owner}` };
    };
    const owners = Array.from({ length: 60 }, (_, owner) =>
      withDeadline(100 + owner * 20 + random() * 60, async () => {
        if (owner % 3 === 0) await db.transaction((tx) => effect(tx, owner));
        else if (owner % 3 === 1) {
          await db.idempotent({ route: 'POST /x', key: `owner ${owner}` }, (tx) => effect(tx, owner));
        } else {
          await db.compensate(
            { route: 'POST /x', key: `owner ${owner}` },
            async (tx) => void (await effect(tx, owner)),
          );
        }
      }),
    );
    const ends = (await Promise.allSettled(owners)).map(({ status }) => status);
    for (const pause of finished) await pause;
    await open(url).query('select 1');
    expect(new Set(ends), `seed ${seed}`).to.deep.equal(new Set(['fulfilled', 'rejected']));
    let current: string | undefined;
    let isBegun = false;
    for (const [what, owner] of sent.matchAll(/begin isolation|commit(?!ted)|rollback(?! to)|owner (\d+)/g)) {
      if (owner === undefined) {
        isBegun = what === 'begin isolation';
        current = undefined;
        continue;
      }
      expect(isBegun, `owner ${owner} outside of a transaction, seed ${seed}`).to.equal(true);
      current ??= owner;
      expect(owner, `seed ${seed}`).to.equal(current);
    }
    await db.close();
    await proxy.close();
  });

  it('that loses its session before the commit has certainly done nothing', async () => {
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

  it('whose commit is not confirmed has an unknown outcome', async () => {
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

  it('whose commit is not confirmed before the deadline has an unknown outcome', async () => {
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

  it('that meets a deadlock is rolled back and may be repeated', async () => {
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

  it('is rolled back at once with what its scope holds, and never tells that it has committed', async () => {
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
});
