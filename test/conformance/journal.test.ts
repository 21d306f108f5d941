import { expect } from 'chai';
import type { Queryable, QueryResult } from '#src/db/database.js';
import { ConnectionLostError } from '#src/db/database-errors.js';
import { Rows } from '#src/db/rows.js';
import { within } from '#src/resilience/within.js';
import {
  type Hold,
  type Journal,
  type SagaRecord,
  type StepRecord,
  UnstorableError,
} from '#src/saga/journal.js';
import { RELEASE } from '#src/saga/journal-lease-sql.js';
import { releaseOwnersExcept } from '#src/saga/journal-upkeep.js';
import { WRITE } from '#src/saga/journal-write-sql.js';
import { PgJournal } from '#src/saga/pg-journal.js';
import { Moment } from '#test/saga/harness.js';
import { openJournalDatabase, type TestDatabase } from '#test/saga/journal-database.js';
import { connect } from '#test/saga/pg-connection.js';
import { newSeed, seeded } from '#test/support/random.js';
import { journalConformance } from './journal-conformance.js';
import { MemoryJournal, MemoryStore } from './journal-memory.js';
import { KNOWN, sagaRecord, upTo } from './journal-records.js';

journalConformance('memory', async () => {
  const store = new MemoryStore();
  return { journal: (leaseMs) => new MemoryJournal(store, leaseMs) };
});

type Ask = (text: string, values?: readonly unknown[]) => Promise<QueryResult<unknown>>;

/** A pool that sends each statement to the session that the test selects. */
class TwoSessions extends Rows {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    super();
    this.#ask = ask;
  }

  query<R>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    return this.#ask(text, values) as Promise<QueryResult<R>>;
  }
}

describe('the PostgreSQL journal', () => {
  let database: TestDatabase;
  let owners = 0;
  const journal = (leaseMs: number, owner = `test:${++owners}:1`, db: Queryable = database.db): Journal =>
    new PgJournal({ db, owner, leaseMs });

  before(async () => {
    database = await openJournalDatabase();
  });
  after(() => database.close());

  journalConformance('PostgreSQL', async () => ({ journal }));

  it('sends the writes of concurrent sagas together', async () => {
    let statements = 0;
    const counting = database.counting(() => statements++);
    const mine = journal(60_000, 'test:batch:1', counting);
    const records = Array.from({ length: 100 }, () => sagaRecord());
    const created = await Promise.all(records.map((record) => mine.create(record, 0)));
    expect(created.every((result) => result.created)).to.equal(true);
    expect(statements).to.equal(1);
  });

  it('writes the sagas of a batch although the values of one cannot be stored', async () => {
    const mine = journal(60_000);
    const nonsense = { ...sagaRecord(), status: 'nonsense' as 'running' };
    const records = [sagaRecord(), nonsense, sagaRecord()];
    const results = await Promise.allSettled(records.map((record) => mine.create(record, 0)));
    expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).to.have.property('reason').that.is.instanceOf(UnstorableError);
    expect(await mine.load(nonsense.sagaId)).to.equal(undefined);
    for (const { sagaId } of [records[0]!, records[2]!])
      expect(await mine.load(sagaId)).to.not.equal(undefined);
  });

  it('renews, writes and releases the same sagas at once, in any order, without waiting for each other', async () => {
    // Each has a session of its own, which visits the sagas in the given order, as in a large table.
    const sessions = await Promise.all(Array.from({ length: 4 }, () => connect(database.url)));
    for (const { db } of sessions) {
      for (const way of ['seqscan', 'hashjoin', 'mergejoin', 'sort'])
        await db.query(`set enable_${way} = off`);
    }
    const [mine, ...others] = sessions.map(({ db }) => journal(60_000, 'test:order:1', db)) as [
      Journal,
      ...Journal[],
    ];
    const records = Array.from({ length: 60 }, () => sagaRecord());
    const holds: Hold[] = [];
    for (const record of records) {
      const created = await mine.create(record, 0);
      if (created.created) holds.push(created.hold);
    }
    const seed = newSeed();
    const random = seeded(seed);
    const shuffled = <T>(list: readonly T[]): T[] =>
      list
        .map((one) => [random(), one] as const)
        .sort(([a], [b]) => a - b)
        .map(([, one]) => one);
    for (let round = 0; round < 40; round++) {
      // One worker holds a saga, so its writes follow each other.
      const writers = [mine, others[0]!];
      const writes = shuffled([...holds.keys()]).map((at) =>
        writers[at % 2]!.write(holds[at]!, records[at]!, [], 'renew'),
      );
      const all = [...others.map((other) => other.renew(shuffled(holds))), ...writes];
      const failed = (await Promise.allSettled<unknown>(all)).filter(({ status }) => status === 'rejected');
      expect(failed, `seed ${seed}`).to.deep.equal([]);
    }
    for (const session of sessions) await session.close();
  });

  it('restarts leases and pauses that end later than they can have been set, as after a clock set back', async () => {
    const mine = journal(60_000);
    const held = sagaRecord();
    await mine.create(held, 0);
    const resting = await Promise.all(
      [7_000, 20_000].map(async (releaseForMs) => {
        const record = sagaRecord();
        const created = await mine.create(record, 0);
        const hold = created.created ? created.hold : expect.fail('not created');
        await mine.write(hold, { ...record, status: 'waiting' }, [], { releaseForMs });
        return record.sagaId;
      }),
    );
    const ids = [held.sagaId, ...resting];
    const shift = (by: string) =>
      database.db.query('update saga set lease_until = lease_until + $1::interval where saga_id = any($2)', [
        by,
        ids,
      ]);
    const left = async (): Promise<readonly number[]> => {
      const rows = await database.db.many<{ s: number }>(
        `select ceil(extract(epoch from lease_until - now()) / 10)::int as s from unnest($1::uuid[]) with ordinality
         as i(saga_id, n) join saga using (saga_id) order by n`,
        [ids],
      );
      return rows.map(({ s }) => s * 10);
    };
    for (const by of ['1 hour', '1 day']) {
      await shift(by);
      await mine.redate((await mine.time()) + 60_000);
      expect(Math.min(...(await left())), 'the clock was set since it was read').to.be.above(3_000);
      await mine.redate(await mine.time());
      expect(await left()).to.deep.equal([60, 10, 20]);
    }
    await shift('-5 seconds');
    await mine.redate(await mine.time());
    expect(await left(), 'as they are').to.deep.equal([60, 10, 20]);
  });

  it('releases the sagas of dead instances, and none of the live one', async () => {
    const [dead, living] = [sagaRecord(), sagaRecord()];
    await journal(60_000, 'gone:1:1').create(dead, 0);
    const alive = await journal(60_000, 'here:1:1').create(living, 0);
    const heir = journal(60_000, 'here:2:1');
    const before = (await heir.claim(upTo(1000), KNOWN, 'none')).map(({ hold }) => hold.sagaId);
    expect(before).to.not.include(dead.sagaId);
    await releaseOwnersExcept(database.db, 'here');
    const claimed = (await heir.claim(upTo(1000), KNOWN, 'none')).map(({ hold }) => hold.sagaId);
    expect(claimed).to.include(dead.sagaId).and.not.include(living.sagaId);
    expect(alive.created && (await heir.renew([alive.hold])).renewed).to.have.length(1);
  });

  it('releases the sagas of dead instances beside a row that another session has locked', async () => {
    const records = [sagaRecord(), sagaRecord()];
    for (const record of records) await journal(60_000, 'left:1:1').create(record, 0);
    const session = await connect(database.url);
    await session.db.query('begin');
    await session.db.query('select from saga where saga_id = $1 for update', [records[0]!.sagaId]);
    await releaseOwnersExcept(database.db, 'successor');
    const claimed = (await journal(60_000, 'successor:1:1').claim(upTo(1000), KNOWN, 'none')).map(
      ({ hold }) => hold.sagaId,
    );
    expect(claimed).to.include(records[1]!.sagaId).and.not.include(records[0]!.sagaId);
    await session.db.query('rollback');
    await session.close();
  });

  it('changes nothing by a write that arrives after its repetition, however late', async () => {
    const late = new LateDatabase(database.db);
    const mine = journal(60_000, 'here:1:1', late);
    const record = sagaRecord();
    const created = await mine.create(record, 0);
    const hold = created.created ? created.hold : expect.fail('not created');
    const moved = (status: StepRecord['status'], attempts: number): SagaRecord => ({
      ...record,
      steps: record.steps.with(0, { ...record.steps[0]!, status, attempts }),
    });
    late.isHolding = true;
    const givenUp = await Promise.allSettled([mine.write(hold, moved('running', 1), [0], 'renew')]);
    expect(givenUp[0]!.status).to.equal('rejected');
    late.isHolding = false;
    for (const [status, attempts] of [
      ['running', 1],
      ['completed', 2],
    ] as const) {
      expect(await mine.write(hold, moved(status, attempts), [0], 'renew')).to.equal(true);
      await late.arrive();
      expect((await mine.load(record.sagaId))!.steps[0]).to.include({ status, attempts });
    }
    // The next holder can write, whatever the numbers of the earlier one were.
    await mine.release([hold], 'uncounted');
    const next = journal(60_000, 'here:2:1');
    const { hold: again } = (await next.claim(upTo(1000), KNOWN, 'none')).find(
      ({ hold: { sagaId } }) => sagaId === record.sagaId,
    )!;
    expect(await next.write(again, moved('unknown', 3), [0], 'renew')).to.equal(true);
    await late.arrive();
    expect((await next.load(record.sagaId))!.steps[0]).to.include({ status: 'unknown', attempts: 3 });
  });

  it('skips rows that another session has locked, and renews, writes and releases the rest', async () => {
    const mine = journal(60_000, 'here:1:1');
    const records = [sagaRecord(), sagaRecord(), sagaRecord()];
    const holds: Hold[] = [];
    for (const record of records) {
      const created = await mine.create(record, 0);
      if (created.created) holds.push(created.hold);
    }
    const [locked, ...free] = holds as [Hold, Hold, Hold];
    const session = await connect(database.url);
    await session.db.query('begin');
    await session.db.query('select from saga where saga_id = $1 for update', [locked.sagaId]);
    expect(await mine.renew(holds)).to.deep.equal({ renewed: free, lost: [] });
    const writes = records.map((record, at) => mine.write(holds[at]!, record, [0], 'renew'));
    const written = await Promise.allSettled(writes);
    expect(written.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled', 'fulfilled']);
    const [released] = await Promise.allSettled([mine.release(holds, 'uncounted')]);
    expect(released.status, 'says what it could not free').to.equal('rejected');
    expect(await mine.renew(holds)).to.deep.equal({ renewed: [], lost: free });
    await session.db.query('rollback');
    await session.close();
    expect(await mine.write(locked, records[0]!, [0], 'renew')).to.equal(true);
  });

  it('releases rows that a write of its own has locked, as soon as that has ended', async () => {
    const [writing, other] = [await connect(database.url), await connect(database.url)];
    const [locked, freeing] = [new Moment(), new Moment()];
    const held = new TwoSessions(async (text, values) => {
      if (text === RELEASE) freeing.now();
      if (text !== WRITE) return other.db.query(text, values);
      await writing.db.query('begin');
      const result = await writing.db.query(text, values);
      locked.now();
      await within(freeing.happened, 300);
      await writing.db.query('commit');
      return result;
    });
    const record = sagaRecord();
    const created = await journal(60_000, 'here:1:1').create(record, 0);
    const hold = created.created ? created.hold : expect.fail('not created');
    const mine = journal(60_000, 'here:1:1', held);
    const step: StepRecord = { ...record.steps[0]!, status: 'running', attempts: 1 };
    const written = mine.write(hold, { ...record, steps: record.steps.with(0, step) }, [0], 'renew');
    await locked.happened;
    await mine.release([hold], 'uncounted');
    expect(await written).to.equal(true);
    expect((await mine.load(record.sagaId))!.steps[0]!.attempts).to.equal(0);
    expect((await mine.renew([hold])).lost).to.deep.equal([hold]);
    await writing.close();
    await other.close();
  });

  it('skips a saga of which another session has locked a step', async () => {
    const mine = journal(60_000, 'here:1:1');
    const records = [sagaRecord(), sagaRecord()];
    const holds: Hold[] = [];
    for (const record of records) {
      const created = await mine.create(record, 0);
      if (created.created) holds.push(created.hold);
    }
    for (const [at, record] of records.entries()) await mine.write(holds[at]!, record, [0], 'renew');
    const session = await connect(database.url);
    await session.db.query('begin');
    await session.db.query('select from saga_step where saga_id = $1 for update', [records[0]!.sagaId]);
    const written = await Promise.allSettled(
      records.map((record, at) => mine.write(holds[at]!, record, [0], 'renew')),
    );
    expect(written.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled']);
    await mine.release(holds, 'uncounted');
    await session.db.query('rollback');
    await session.close();
    expect(await mine.renew(holds)).to.deep.equal({ renewed: [], lost: holds });
  });
});

/** A network before a database: it delays statements that were abandoned, and delivers them on command. */
class LateDatabase extends Rows {
  isHolding = false;
  readonly #db: Queryable;
  #held: (() => Promise<unknown>) | undefined;

  constructor(db: Queryable) {
    super();
    this.#db = db;
  }

  async query<R>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>> {
    if (!this.isHolding) return this.#db.query<R>(text, values);
    this.#held = () => this.#db.query(text, values);
    throw new ConnectionLostError('the connection was cut');
  }

  async arrive(): Promise<void> {
    await this.#held!();
  }
}
