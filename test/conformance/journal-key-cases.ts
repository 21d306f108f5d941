// Cases of the journal conformance suite: idempotency keys of starts.
import { expect } from 'chai';
import { holdOf, type JournalSuite, LONG_MS, RELEASED, sagaRecord } from './journal-records.js';

/** No ended saga is young enough to keep its key. */
const NOTHING_KEPT = Number.MAX_SAFE_INTEGER / 1e3;

export function keyCases(suite: JournalSuite): void {
  describe('the keys of starts', () => {
    it('starts one saga for a key, however many starts arrive at once', async () => {
      const records = Array.from({ length: 8 }, (_, at) =>
        sagaRecord({ idempotencyKey: 'k-race', fingerprint: `f${at}` }),
      );
      const results = await Promise.all(
        records.map((record, at) => (at % 2 ? suite.journal : suite.journalWith(LONG_MS)).create(record, 0)),
      );
      const created = results.filter((result) => result.created);
      expect(created).to.have.length(1);
      const winner = records.find(({ sagaId }) => sagaId === holdOf(created[0]!).sagaId)!;
      for (const result of results) {
        if (result.created) continue;
        const { sagaId, fingerprint } = winner;
        expect(result.earlier).to.deep.equal({ sagaId, fingerprint, status: 'running' });
      }
      const lost = records.filter((record) => record !== winner);
      for (const { sagaId } of lost) expect(await suite.journal.load(sagaId)).to.equal(undefined);
    });

    it('treats a repeated start of the same saga as one start', async () => {
      for (const idempotencyKey of ['k-repeat', null]) {
        const record = sagaRecord({ idempotencyKey });
        await suite.start(record);
        expect(await suite.journal.create(record, 0)).to.deep.equal({
          created: true,
          hold: { sagaId: record.sagaId, fence: 1 },
        });
      }
    });

    it('keeps keys of different sagas apart, and sagas without a key', async () => {
      expect((await suite.journal.create(sagaRecord({ idempotencyKey: 'k-apart' }), 0)).created).to.equal(
        true,
      );
      const other = sagaRecord({ idempotencyKey: 'k-apart', saga: 'other' });
      expect((await suite.journal.create(other, 0)).created).to.equal(true);
      for (let n = 0; n < 2; n++)
        expect((await suite.journal.create(sagaRecord(), 0)).created).to.equal(true);
    });

    it('releases the key of an ended saga when its retention is over, and not before', async () => {
      const record = sagaRecord({ idempotencyKey: 'k-old' });
      const hold = await suite.start(record);
      const again = sagaRecord({ idempotencyKey: 'k-old' });
      expect((await suite.journal.create(again, NOTHING_KEPT)).created, 'still running').to.equal(false);
      await suite.journal.write(hold, { ...record, status: 'completed' }, [], RELEASED);
      expect((await suite.journal.create(again, record.createdAt)).created, 'still kept').to.equal(false);
      expect((await suite.journal.create(again, record.createdAt + 1)).created).to.equal(true);
      expect((await suite.journal.load(record.sagaId))?.idempotencyKey).to.equal('k-old');
    });

    it('keeps the key of a saga that needs attention, since an operator may continue it', async () => {
      const record = sagaRecord({ idempotencyKey: 'k-stuck' });
      await suite.journal.write(
        await suite.start(record),
        { ...record, status: 'needs-attention' },
        [],
        RELEASED,
      );
      const again = sagaRecord({ idempotencyKey: 'k-stuck' });
      expect((await suite.journal.create(again, NOTHING_KEPT)).created).to.equal(false);
    });
  });
}
