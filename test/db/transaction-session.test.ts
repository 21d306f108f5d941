import { expect } from 'chai';
import pg from 'pg';
import type { StoredResponse, Transaction } from '#src/db/database.js';
import { DatabaseMisuseError } from '#src/db/database-errors.js';
import { localBudget } from '#test/support/local-budget.js';
import { newSeed, seeded } from '#test/support/random.js';
import { databaseWithItems } from './fixtures/items.js';
import { closeOpened, open, rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { withDeadline } from './fixtures/scope.js';

describe('the session of a transaction', () => {
  let url: string;

  before(async () => {
    url = await databaseWithItems();
  });

  afterEach(async () => {
    await open(url).query('truncate item');
    await closeOpened();
  });

  it('leaves no settings or tables in its session for the next transaction', async () => {
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
    it(`leaves no change of the session by ${by} to the next transaction, and neither does a single statement`, async () => {
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

  it('fails for bytes that were transferred, and the same statement succeeds in the next one', async () => {
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

  it('has its session alone: no statement is sent in another transaction, or outside of any', async function () {
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

  it('has no methods by which a service could end it', async () => {
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
});
