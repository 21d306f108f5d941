// Cases of the journal conformance suite: what is written is read back.
import { expect } from 'chai';
import type { SagaRecord, StepRecord } from '#src/saga/journal.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { begun, type JournalSuite, KNOWN, nextTime, RELEASED, sagaRecord, upTo } from './journal-records.js';

export function recordCases(suite: JournalSuite): void {
  describe('sagas and steps as written', () => {
    it('returns a saga as its start wrote it', async () => {
      const record = sagaRecord({ idempotencyKey: 'k-give-back' });
      const steps = record.steps.with(0, begun('debit'));
      await suite.start({ ...record, steps });
      expect(await suite.journal.load(record.sagaId)).to.deep.equal({ ...record, steps });
    });

    it('knows nothing of a saga that was never started', async () => {
      expect(await suite.journal.load(newSagaId(1))).to.equal(undefined);
    });

    it('returns every column of a step, and distinguishes a JSON null from no result', async () => {
      const record = sagaRecord();
      const hold = await suite.start(record);
      const step: StepRecord = {
        ...begun('debit'),
        status: 'compensating',
        attempts: 3,
        result: null,
        error: { code: 'INTERNAL', message: 'it "broke"' },
        finishedAt: nextTime(),
        undoAttempts: 2,
        undoSince: nextTime(),
        undoUnended: 2,
      };
      const unknown: StepRecord = { ...begun('credit'), status: 'unknown' };
      const changed: SagaRecord = {
        ...record,
        status: 'compensating',
        failure: { code: 'DECLINED', message: 'no', failedStep: 'credit' },
        updatedAt: nextTime(),
        steps: record.steps.with(0, step).with(1, unknown),
      };
      expect(await suite.journal.write(hold, changed, [0, 1], 'renew')).to.equal(true);
      expect(await suite.journal.load(record.sagaId)).to.deep.equal(changed);
    });

    it('writes only the given steps', async () => {
      const record = sagaRecord();
      const hold = await suite.start(record);
      const steps = record.steps.with(0, begun('debit')).with(1, begun('credit'));
      await suite.journal.write(hold, { ...record, steps }, [0], 'renew');
      const loaded = await suite.journal.load(record.sagaId);
      expect(loaded?.steps.map(({ status }) => status)).to.deep.equal(['running', 'pending', 'pending']);
    });

    it('returns values as they were written: numbers in their length, members in their order', async () => {
      const tiny = Array.from({ length: 1_000 }, () => 5e-324);
      const ordered = { zebra: 1, a: { 10: 'ten', b: [1e300, 0.1] } };
      const record = sagaRecord({ input: { tiny, ordered } });
      const hold = await suite.start(record, 0);
      const steps = record.steps.with(0, { ...begun('debit'), status: 'completed', result: tiny });
      await suite.journalWith(0).write(hold, { ...record, steps }, [0], 'renew');
      const [claim] = await suite.journal.claim(upTo(1), KNOWN, 'none');
      expect(JSON.stringify(claim!.record.input)).to.equal(JSON.stringify(record.input));
      expect(claim!.record.steps[0]!.result).to.deep.equal(tiny);
      expect(claim!.size).to.equal(JSON.stringify([record.input, tiny]).length - '[,]'.length);
    });

    it('lists the newest sagas first, by saga, by status and by page', async () => {
      const saga = `listed-${nextTime()}`;
      const records = Array.from({ length: 5 }, () =>
        sagaRecord({ saga, idempotencyKey: String(nextTime()) }),
      );
      for (const record of records) {
        const hold = await suite.start(record);
        if (record === records[2])
          await suite.journal.write(hold, { ...record, status: 'waiting' }, [], RELEASED);
      }
      const newest = records.map(({ sagaId }) => sagaId).reverse();
      const ids = async (query: { status?: 'waiting' | 'running'; limit: number; before?: string }) =>
        (await suite.journal.list({ saga, ...query })).map(({ sagaId }) => sagaId);
      expect(await ids({ limit: 10 })).to.deep.equal(newest);
      expect(await ids({ limit: 2 })).to.deep.equal(newest.slice(0, 2));
      expect(await ids({ limit: 2, before: newest[1]! })).to.deep.equal(newest.slice(2, 4));
      expect(await ids({ status: 'waiting', limit: 10 })).to.deep.equal([records[2]!.sagaId]);
      const [first] = await suite.journal.list({ limit: 1, saga, status: 'running' });
      const {
        steps: _s,
        fingerprint: _f,
        failure: _x,
        traceparent: _p,
        tracestate: _t,
        ...summary
      } = records[4]!;
      expect(first).to.deep.equal(summary);
    });

    it('lists a saga that compensates with the code of its error, unless it needs attention', async () => {
      const saga = `refused-${nextTime()}`;
      const record = sagaRecord({ saga });
      const hold = await suite.start(record);
      const failure = { code: 'CARD_DECLINED', message: 'The card was declined.', failedStep: 'pay' };
      const compensating = { ...record, status: 'compensating', failure } as const;
      const reason = async () => (await suite.journal.list({ saga, limit: 1 }))[0]!.reason;
      await suite.journal.write(hold, compensating, [], 'renew');
      expect(await reason()).to.equal('CARD_DECLINED');
      const stuck = { ...compensating, status: 'needs-attention', reason: 'COMPENSATION_FAILED' } as const;
      await suite.journal.write(hold, stuck, [], RELEASED);
      expect(await reason()).to.equal('COMPENSATION_FAILED');
    });
  });
}
