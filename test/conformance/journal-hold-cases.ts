// Cases of the journal conformance suite: writes, renewals and releases by the holder of a saga.
import { expect } from 'chai';
import type { Hold, SagaRecord, StepRecord } from '#src/saga/journal.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { begun, type JournalSuite, KNOWN, LONG_MS, sagaRecord, upTo } from './journal-records.js';

export function holdCases(suite: JournalSuite): void {
  describe('holds and their fences', () => {
    it('distinguishes a write of an old hold from one of the new hold in the same batch', async () => {
      const record = sagaRecord();
      const old = await suite.start(record, 0);
      const [claim] = await suite.journal.claim(upTo(1), KNOWN, 'none');
      const stale = {
        ...record,
        steps: record.steps.with(0, { ...begun('debit'), error: { code: 'OLD', message: '' } }),
      };
      const current = { ...record, steps: record.steps.with(0, begun('debit')) };
      const writes = [
        suite.journal.write(old, stale, [0], 'renew'),
        suite.journal.write(claim!.hold, current, [0], 'renew'),
      ];
      expect(await Promise.all(writes)).to.deep.equal([false, true]);
      const both = [
        suite.journal.write(old, stale, [0], 'renew'),
        suite.journal.write(claim!.hold, current, [], 'renew'),
      ];
      expect(await Promise.all(both)).to.deep.equal([false, true]);
      expect((await suite.journal.load(record.sagaId))?.steps[0]).to.deep.equal(current.steps[0]);
    });

    it('changes nothing by a write with an old fence', async () => {
      const record = sagaRecord();
      const old = await suite.start(record, 0);
      const [claim] = await suite.journal.claim(upTo(10), KNOWN, 'none');
      const steps = record.steps.with(0, begun('debit'));
      const stale: SagaRecord = { ...record, status: 'completed', steps };
      expect(await suite.journal.write(old, stale, [0], 'renew')).to.equal(false);
      expect(await suite.journal.load(record.sagaId)).to.deep.equal(record);
      expect(await suite.journal.write(claim!.hold, stale, [0], 'renew')).to.equal(true);
    });

    it('renews valid holds and reports the lost ones', async () => {
      const mine = await suite.start(sagaRecord(), 0);
      const lost = await suite.start(sagaRecord(), 0);
      expect(await suite.journal.renew([mine])).to.deep.equal({ renewed: [mine], lost: [] });
      const [claim] = await suite.journal.claim(upTo(10), KNOWN, 'none');
      expect(claim?.hold.sagaId).to.equal(lost.sagaId);
      expect(await suite.journal.renew([mine, lost])).to.deep.equal({ renewed: [mine], lost: [lost] });
    });

    it('makes a released saga claimable at once, and its hold void', async () => {
      const record = sagaRecord();
      const hold = await suite.start(record);
      await suite.journal.release([hold], 'uncounted');
      expect(await suite.journal.write(hold, { ...record, status: 'completed' }, [], 'renew')).to.equal(
        false,
      );
      expect(
        (await suite.journal.claim(upTo(10), KNOWN, 'none')).map((claim) => claim.hold.sagaId),
      ).to.deep.equal([hold.sagaId]);
    });

    it('counts attempts that a release interrupts only when it is told to', async () => {
      const failure = { code: 'X', message: 'x', failedStep: 'credit' };
      const undoing = { status: 'compensating', undoAttempts: 4, undoUnended: 4 } as const;
      const left: unknown[] = [];
      for (const attempts of ['counted', 'uncounted'] as const) {
        for (const [changes, step] of [
          [{ status: 'running' }, { attempts: 3 }],
          [{ status: 'compensating', failure }, undoing],
        ] as const) {
          const record = sagaRecord();
          const hold = await suite.start(record);
          const steps = record.steps.with(0, { ...begun('debit'), ...step });
          await suite.journal.write(hold, { ...record, ...changes, steps }, [0], 'renew');
          await suite.journal.release([hold], attempts);
          const kept = (await suite.journal.load(record.sagaId))?.steps[0];
          left.push([kept?.attempts, kept?.undoUnended]);
        }
      }
      expect(left).to.deep.equal([
        [3, 0],
        [1, 4],
        [2, 0],
        [1, 0],
      ]);
    });

    it('keeps counting an attempt that was found begun, as long as nothing was written after the claim', async () => {
      const attempts: unknown[] = [];
      for (const announces of [false, true]) {
        const record = sagaRecord();
        const steps = record.steps.with(0, { ...begun('debit'), attempts: 3 });
        const dead = suite.journalWith(0);
        await dead.write(await suite.start(record, 0), { ...record, steps }, [0], 'renew');
        const [claim] = await suite.journal.claim(upTo(1), KNOWN, 'none');
        const again = { ...record, steps: record.steps.with(0, { ...begun('debit'), attempts: 4 }) };
        if (announces) await suite.journal.write(claim!.hold, again, [0], 'renew');
        await suite.journal.release([claim!.hold], 'uncounted');
        attempts.push((await suite.journal.load(record.sagaId))?.steps[0]?.attempts);
        await suite.journal.claim(upTo(1), KNOWN, 'none');
      }
      expect(attempts).to.deep.equal([3, 3]);
    });

    it('does not count a compensation that a release interrupts as one that crashed its process', async () => {
      const failure = { code: 'X', message: 'x', failedStep: 'credit' };
      const undoing: StepRecord = {
        ...begun('debit'),
        status: 'compensating',
        undoAttempts: 4,
        undoUnended: 4,
      };
      const [released, other] = [sagaRecord(), sagaRecord()].map((record) => ({
        ...record,
        status: 'compensating' as const,
        failure,
        steps: record.steps.with(0, undoing),
      }));
      const holds: Hold[] = [];
      for (const record of [released!, other!]) {
        const hold = await suite.start(record);
        await suite.journal.write(hold, record, [0], 'renew');
        holds.push(hold);
      }
      await suite.journal.release(holds.slice(0, 1), 'uncounted');
      const unended = async ({ sagaId }: SagaRecord): Promise<number | undefined> =>
        (await suite.journal.load(sagaId))?.steps[0]?.undoUnended;
      expect([await unended(released!), await unended(other!)]).to.deep.equal([0, 4]);
    });

    it('lets an operator take a saga without a runner, and no other', async () => {
      const take = async (status: SagaRecord['status'], releaseForMs?: number): Promise<boolean> => {
        const record = sagaRecord();
        const lease = releaseForMs === undefined ? 'renew' : { releaseForMs };
        await suite.journal.write(await suite.start(record), { ...record, status }, [], lease);
        return (await suite.journal.take(record.sagaId)) !== undefined;
      };
      expect(await take('needs-attention', LONG_MS)).to.equal(true);
      expect(await take('waiting', LONG_MS)).to.equal(true);
      expect(await take('running', 0)).to.equal(true);
      expect(await take('running')).to.equal(false);
      expect(await take('completed', 0)).to.equal(false);
      expect(await suite.journal.take(newSagaId(1))).to.equal(undefined);
    });
  });
}
