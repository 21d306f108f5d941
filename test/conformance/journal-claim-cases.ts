// Cases of the journal conformance suite: which sagas a claim takes over.
import { expect } from 'chai';
import type { DefinitionKey } from '#src/saga/journal.js';
import {
  begun,
  type JournalSuite,
  KNOWN,
  LONG_MS,
  nextTime,
  RELEASED,
  sagaRecord,
  upTo,
} from './journal-records.js';

export function claimCases(suite: JournalSuite): void {
  describe('claims', () => {
    it('claims no more bytes of values than its limit, but one saga however large it is', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 4; n++) {
        const record = sagaRecord({ input: 'é'.repeat(20_000) });
        const hold = await suite.start(record, 0);
        const steps = record.steps.with(1, {
          ...begun('credit'),
          status: 'completed',
          result: 'é'.repeat(999),
        });
        await suite.journalWith(0).write(hold, { ...record, steps }, [1], 'renew');
        ids.push(record.sagaId);
      }
      const claimed: string[][] = [];
      for (const bytes of [1, 42_003, 1_000_000]) {
        const claims = await suite.journal.claim({ ...upTo(10), bytes }, KNOWN, 'none');
        claimed.push(claims.map(({ hold }) => hold.sagaId));
      }
      expect(claimed).to.deep.equal([ids.slice(0, 1), ids.slice(1, 3), ids.slice(3)]);
    });

    it('claims small sagas all the same, wherever they are after large ones', async () => {
      const large = 'a'.repeat(20_000);
      for (let n = 0; n < 12; n++) await suite.start(sagaRecord({ input: large }), 0);
      const { sagaId } = await suite.start(sagaRecord(), 0);
      const few = { ...upTo(10), bytes: 0 };
      const small = await suite.journal.claim(few, KNOWN, 'none');
      expect(small.map(({ hold }) => hold.sagaId)).to.deep.equal([sagaId]);
      expect(await suite.journal.claim({ ...few, bytes: 1 }, KNOWN, 'none')).to.have.length(1);
    });

    it('claims nothing by a claim that arrives too late', async () => {
      const { sagaId } = await suite.start(sagaRecord(), 0);
      const now = await suite.journal.time();
      const late = await suite.journal.claim({ ...upTo(10), until: now - 1 }, KNOWN, 'none');
      expect(late).to.deep.equal([]);
      const claims = await suite.journal.claim({ ...upTo(10), until: now + LONG_MS }, KNOWN, 'none');
      expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([sagaId]);
    });

    it('claims an unreleased saga only if its lease had expired by the given time', async () => {
      const before = await suite.journal.time();
      const [held, released] = [await suite.start(sagaRecord(), 0), await suite.start(sagaRecord(), 0)];
      await suite.journal.release([released], 'uncounted');
      const claim = async (lapsedAt: number | undefined): Promise<readonly string[]> =>
        (await suite.journal.claim({ ...upTo(10), lapsedAt }, KNOWN, 'none')).map(({ hold }) => hold.sagaId);
      expect(await claim(undefined)).to.deep.equal([released.sagaId]);
      expect(await claim(before - 1)).to.deep.equal([]);
      expect(await claim((await suite.journal.time()) + 1)).to.deep.equal([held.sagaId]);
    });

    it('claims a running saga when its lease has expired, with a larger fence, and not before', async () => {
      const left = await suite.start(sagaRecord(), 0);
      await suite.start(sagaRecord());
      const claims = await suite.journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([left.sagaId]);
      expect(claims[0]!.hold.fence).to.be.greaterThan(left.fence);
      expect(claims[0]!.record).to.deep.equal(await suite.journal.load(left.sagaId));
      expect(await suite.journal.claim(upTo(10), KNOWN, 'none')).to.deep.equal([]);
    });

    it('leaves sagas of unknown definitions to others, but not forever', async () => {
      const { sagaId } = await suite.start(sagaRecord(), 0);
      const [, { saga, version, steps }] = KNOWN as [DefinitionKey, DefinitionKey];
      for (const others of [
        [],
        [{ saga, version: 2, steps }],
        [{ saga, version, steps: [...steps, 'more'] }],
        [{ saga: 'other', version, steps }],
      ]) {
        expect(await suite.journal.claim(upTo(10), others, 'none')).to.deep.equal([]);
      }
      expect(
        (await suite.journal.claim(upTo(10), KNOWN, 'none')).map(({ hold }) => hold.sagaId),
      ).to.deep.equal([sagaId]);
      const left = await suite.start(sagaRecord(), -600_000);
      expect(await suite.journal.claim(upTo(10), [], 'none')).to.deep.equal([]);
      expect(
        (await suite.journal.claim(upTo(10), [], 'unclaimed')).map(({ hold }) => hold.sagaId),
      ).to.deep.equal([left.sagaId]);
    });

    it('does not claim a saga as unclaimed that a process has marked as known', async () => {
      const { sagaId } = await suite.start(sagaRecord(), -600_000);
      await suite.journal.markKnown(KNOWN.slice(0, 1));
      await suite.journalWith(LONG_MS).markKnown(KNOWN);
      expect(await suite.journal.claim(upTo(10), [], 'unclaimed')).to.deep.equal([]);
      const claims = await suite.journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([sagaId]);
      const other = await suite.start(sagaRecord(), -600_000);
      await suite.journal.markKnown([]);
      const unknown = await suite.journal.claim(upTo(10), [], 'unclaimed');
      expect(unknown.map(({ hold }) => hold.sagaId)).to.deep.equal([other.sagaId]);
    });

    it('reports for a claimed saga whether its last runner was lost or had released it', async () => {
      const record = sagaRecord();
      const slept = await suite.start(record);
      await suite.journal.write(slept, { ...record, status: 'waiting' }, [], RELEASED);
      const lost = await suite.start(sagaRecord(), 0);
      const claims = await suite.journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ hold, wasRunnerLost }) => [hold.sagaId, wasRunnerLost])).to.deep.equal([
        [slept.sagaId, false],
        [lost.sagaId, true],
      ]);
    });

    it('claims the oldest sagas first, no more than its limit', async () => {
      const ids = [];
      for (let n = 0; n < 4; n++) ids.push((await suite.start(sagaRecord(), 0)).sagaId);
      const first = await suite.journal.claim(upTo(3), KNOWN, 'none');
      expect(first.map(({ hold }) => hold.sagaId)).to.deep.equal(ids.slice(0, 3));
      expect(
        (await suite.journal.claim(upTo(3), KNOWN, 'none')).map(({ hold }) => hold.sagaId),
      ).to.deep.equal(ids.slice(3));
    });

    it('lets no saga wait forever behind others that are claimed again and again', async () => {
      const own = await suite.open();
      const [mine, short] = [own.journal(LONG_MS), own.journal(0)];
      const claim = () => mine.claim(upTo(3), KNOWN, 'none');
      const [, ...young] = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7].map(async () => {
          const record = sagaRecord();
          await short.create(record, 0);
          return record.sagaId;
        }),
      );
      const seen = new Set<string>();
      for (let round = 0; round < 3; round++) {
        for (const { hold, record } of await claim()) {
          seen.add(hold.sagaId);
          const waiting = { ...record, status: 'waiting', updatedAt: nextTime() } as const;
          await mine.write(hold, waiting, [], { releaseForMs: 0 });
        }
      }
      expect([...seen]).to.include.members(young);
    });

    it('never gives one saga to two claims at once', async () => {
      const ids = await Promise.all(
        Array.from({ length: 40 }, async () => (await suite.start(sagaRecord(), 0)).sagaId),
      );
      const rounds = await Promise.all(
        Array.from({ length: 8 }, () => suite.journalWith(LONG_MS).claim(upTo(10), KNOWN, 'none')),
      );
      const given = rounds.flat().map(({ hold }) => hold.sagaId);
      expect(new Set(given).size).to.equal(given.length);
      const rest = (await suite.journal.claim(upTo(40), KNOWN, 'none')).map(({ hold }) => hold.sagaId);
      expect([...given, ...rest].sort()).to.deep.equal(ids.sort());
    });

    it('claims no saga that has ended', async () => {
      for (const status of ['completed', 'compensated', 'needs-attention'] as const) {
        const record = sagaRecord();
        await suite.journal.write(await suite.start(record), { ...record, status }, [], RELEASED);
      }
      expect(await suite.journal.claim(upTo(10), KNOWN, 'none')).to.deep.equal([]);
    });

    it('claims a waiting saga when it is due, in its direction', async () => {
      const failure = { code: 'X', message: 'x', failedStep: 'debit' };
      const [forward, backward, later] = [sagaRecord(), sagaRecord({ failure }), sagaRecord()];
      for (const record of [forward, backward, later]) {
        const lease = { releaseForMs: record === later ? LONG_MS : 0 };
        await suite.journal.write(await suite.start(record), { ...record, status: 'waiting' }, [], lease);
      }
      // The start does not write `failure`; the write that sets it does.
      const claims = await suite.journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ record }) => [record.sagaId, record.status])).to.deep.equal([
        [forward.sagaId, 'running'],
        [backward.sagaId, 'compensating'],
      ]);
    });
  });
}
