// A journal of an earlier version that still writes to it while processes are replaced one by one.
import { expect } from 'chai';
import { PgJournal } from '#src/saga/pg-journal.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { KNOWN, upTo } from '#test/conformance/journal-records.js';
import { migrate, openJournalDatabase, type TestDatabase } from './journal-database.js';

const LEASE_MS = 6_000;
const BEFORE_PAUSES = 4;

describe('a journal of the version that stored no length of a pause', () => {
  let database: TestDatabase;
  let journal: PgJournal;
  before(async () => {
    database = await openJournalDatabase(BEFORE_PAUSES);
    journal = new PgJournal({ db: database.db, owner: 'new:1:1', leaseMs: LEASE_MS });
  });
  after(() => database.close());

  /** Writes a saga as the earlier version does, without the column. */
  async function put(status: string, owner: string | null, aheadMs: number): Promise<string> {
    const sagaId = newSagaId(Date.now());
    await database.db.query(
      `insert into saga (saga_id, saga, version, steps, status, input, fingerprint, owner, fence, lease_until,
                         created_at, updated_at)
       values ($1, 'transfer', 1, '{debit,credit,"null"}', $2, '1', 'f', $3, 1,
               now() + $4::float8 * interval '1 millisecond', now(), now())`,
      [sagaId, status, owner, aheadMs],
    );
    return sagaId;
  }

  const leftMs = async (sagaId: string): Promise<number> => {
    const row = await database.db.one<{ ms: number }>(
      'select (extract(epoch from lease_until - now()) * 1000)::float8 as ms from saga where saga_id = $1',
      [sagaId],
    );
    return row.ms;
  };

  it('is read, and its sagas continue, though the clock is set back', async () => {
    const before = [await put('waiting', null, 50_000), await put('running', 'old:1:1', LEASE_MS)];
    const due = await put('waiting', null, 0);
    await migrate(database.db, BEFORE_PAUSES);
    const meanwhile = [await put('waiting', null, 50_000), await put('running', 'old:1:1', LEASE_MS)];
    await journal.redate(await journal.time());
    for (const rested of [before[0]!, meanwhile[0]!]) {
      expect(await leftMs(rested), 'as it is').to.be.within(20_000, 50_000);
    }
    const claims = await journal.claim({ ...upTo(10), lapsedAt: undefined }, KNOWN, 'none');
    expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([due]);
    await database.db.query(`update saga set lease_until = lease_until + interval '1 day'`);
    await journal.redate(await journal.time());
    for (const [rested, run] of [before, meanwhile]) {
      expect(await leftMs(rested!)).to.be.at.most(60_000);
      expect(await leftMs(run!)).to.be.at.most(LEASE_MS);
    }
  });
});
