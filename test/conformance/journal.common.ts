// What every journal must do. Run for each implementation by journal.test.ts.
import { expect } from 'chai';
import type {
  ClaimLimits,
  CreateResult,
  DefinitionKey,
  Hold,
  Journal,
  SagaRecord,
  StepRecord,
} from '#src/saga/journal.js';
import { pendingStep } from '#src/saga/journal-row.js';
import { newSagaId } from '#src/saga/saga-id.js';

/** Long enough never to run out in a test. */
const LONG_MS = 3_600_000;
const NOTHING_KEPT = Number.MAX_SAFE_INTEGER / 1e3;

export interface JournalStore {
  /** Another owner's view of the same store. A lease of 0 has run out as soon as it is written. */
  journal(leaseMs: number): Journal;
}

/** However large they are, and however late it is, from whoever has not renewed. */
export const upTo = (sagas: number): ClaimLimits => ({
  sagas,
  bytes: Number.MAX_SAFE_INTEGER,
  until: Number.MAX_SAFE_INTEGER,
  lapsedAt: Number.MAX_SAFE_INTEGER,
});

let lastNow = Date.now();

export function sagaRecord(changes: Partial<SagaRecord> = {}): SagaRecord {
  const now = ++lastNow;
  return {
    sagaId: newSagaId(now),
    saga: 'transfer',
    version: 1,
    status: 'running',
    input: { amount: 10, to: { name: 'Ann "O\'Neil" \\ {x}', tags: [] } },
    idempotencyKey: null,
    fingerprint: 'f1',
    failure: null,
    reason: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=1',
    createdAt: now,
    updatedAt: now,
    steps: [pendingStep('debit'), pendingStep('credit'), pendingStep('null')],
    ...changes,
  };
}

/** The definition of these records. */
export const KNOWN: readonly DefinitionKey[] = [
  { saga: 'other', version: 1, steps: ['one'] },
  { saga: 'transfer', version: 1, steps: ['debit', 'credit', 'null'] },
];

const begun = (name: string): StepRecord => ({
  ...pendingStep(name),
  status: 'running',
  attempts: 1,
  startedAt: ++lastNow,
});

export function journalConformance(name: string, open: () => Promise<JournalStore>): void {
  describe(`the ${name} journal`, () => {
    let store: JournalStore;
    let journal: Journal;

    before(async () => {
      store = await open();
      journal = store.journal(LONG_MS);
    });

    /** The store is shared by the tests: what an earlier one left is taken away first. */
    beforeEach(async () => {
      const sweeper = store.journal(0);
      for (const { sagaId } of await sweeper.list({ limit: 1000 })) {
        const claim = await sweeper.take(sagaId);
        if (claim) await sweeper.write(claim.hold, { ...claim.record, status: 'completed' }, [], LET_GO);
      }
    });

    const LET_GO = { releaseForMs: 0 } as const;
    const holdOf = (created: CreateResult): Hold => {
      if (!created.created) throw new Error('not created');
      return created.hold;
    };
    const start = async (record: SagaRecord, leaseMs = LONG_MS): Promise<Hold> =>
      holdOf(await store.journal(leaseMs).create(record, 0));

    it('gives back what a start wrote', async () => {
      const record = sagaRecord({ idempotencyKey: 'k-give-back' });
      const steps = record.steps.with(0, begun('debit'));
      await start({ ...record, steps });
      expect(await journal.load(record.sagaId)).to.deep.equal({ ...record, steps });
    });

    it('knows nothing of a saga that was never started', async () => {
      expect(await journal.load(newSagaId(1))).to.equal(undefined);
    });

    it('gives back every column of a step, and tells a JSON null from no result', async () => {
      const record = sagaRecord();
      const hold = await start(record);
      const step: StepRecord = {
        ...begun('debit'),
        status: 'compensating',
        attempts: 3,
        result: null,
        error: { code: 'INTERNAL', message: 'it "broke"' },
        finishedAt: ++lastNow,
        undoAttempts: 2,
        undoSince: ++lastNow,
        undoUnended: 2,
      };
      const unknown: StepRecord = { ...begun('credit'), status: 'unknown' };
      const changed: SagaRecord = {
        ...record,
        status: 'compensating',
        failure: { code: 'DECLINED', message: 'no', failedStep: 'credit' },
        updatedAt: ++lastNow,
        steps: record.steps.with(0, step).with(1, unknown),
      };
      expect(await journal.write(hold, changed, [0, 1], 'renew')).to.equal(true);
      expect(await journal.load(record.sagaId)).to.deep.equal(changed);
    });

    it('writes only the steps it is told to', async () => {
      const record = sagaRecord();
      const hold = await start(record);
      const steps = record.steps.with(0, begun('debit')).with(1, begun('credit'));
      await journal.write(hold, { ...record, steps }, [0], 'renew');
      const loaded = await journal.load(record.sagaId);
      expect(loaded?.steps.map(({ status }) => status)).to.deep.equal(['running', 'pending', 'pending']);
    });

    it('starts one saga for a key, however many ask at once', async () => {
      const records = Array.from({ length: 8 }, (_, at) =>
        sagaRecord({ idempotencyKey: 'k-race', fingerprint: `f${at}` }),
      );
      const answers = await Promise.all(
        records.map((record, at) => (at % 2 ? journal : store.journal(LONG_MS)).create(record, 0)),
      );
      const created = answers.filter((answer) => answer.created);
      expect(created).to.have.length(1);
      const winner = records.find(({ sagaId }) => sagaId === holdOf(created[0]!).sagaId)!;
      for (const answer of answers) {
        if (answer.created) continue;
        const { sagaId, fingerprint } = winner;
        expect(answer.earlier).to.deep.equal({ sagaId, fingerprint, status: 'running' });
      }
      const lost = records.filter((record) => record !== winner);
      for (const { sagaId } of lost) expect(await journal.load(sagaId)).to.equal(undefined);
    });

    it('takes a repeated start of the same saga for the same start', async () => {
      for (const idempotencyKey of ['k-repeat', null]) {
        const record = sagaRecord({ idempotencyKey });
        await start(record);
        expect(await journal.create(record, 0)).to.deep.equal({
          created: true,
          hold: { sagaId: record.sagaId, fence: 1 },
        });
      }
    });

    it('keeps keys of different sagas apart, and sagas without a key', async () => {
      expect((await journal.create(sagaRecord({ idempotencyKey: 'k-apart' }), 0)).created).to.equal(true);
      const other = sagaRecord({ idempotencyKey: 'k-apart', saga: 'other' });
      expect((await journal.create(other, 0)).created).to.equal(true);
      for (let n = 0; n < 2; n++) expect((await journal.create(sagaRecord(), 0)).created).to.equal(true);
    });

    it('frees the key of an ended saga when its time is over, and only then', async () => {
      const record = sagaRecord({ idempotencyKey: 'k-old' });
      const hold = await start(record);
      const again = sagaRecord({ idempotencyKey: 'k-old' });
      expect((await journal.create(again, NOTHING_KEPT)).created, 'still running').to.equal(false);
      await journal.write(hold, { ...record, status: 'completed' }, [], LET_GO);
      expect((await journal.create(again, record.createdAt)).created, 'still kept').to.equal(false);
      expect((await journal.create(again, record.createdAt + 1)).created).to.equal(true);
      expect((await journal.load(record.sagaId))?.idempotencyKey).to.equal('k-old');
    });

    it('keeps the key of a saga that needs attention: an operator may let it go on', async () => {
      const record = sagaRecord({ idempotencyKey: 'k-stuck' });
      await journal.write(await start(record), { ...record, status: 'needs-attention' }, [], LET_GO);
      const again = sagaRecord({ idempotencyKey: 'k-stuck' });
      expect((await journal.create(again, NOTHING_KEPT)).created).to.equal(false);
    });

    it('tells a write of an old hold from one of the new hold that goes with it', async () => {
      const record = sagaRecord();
      const old = await start(record, 0);
      const [claim] = await journal.claim(upTo(1), KNOWN, 'none');
      const stale = {
        ...record,
        steps: record.steps.with(0, { ...begun('debit'), error: { code: 'OLD', message: '' } }),
      };
      const current = { ...record, steps: record.steps.with(0, begun('debit')) };
      const writes = [
        journal.write(old, stale, [0], 'renew'),
        journal.write(claim!.hold, current, [0], 'renew'),
      ];
      expect(await Promise.all(writes)).to.deep.equal([false, true]);
      const both = [
        journal.write(old, stale, [0], 'renew'),
        journal.write(claim!.hold, current, [], 'renew'),
      ];
      expect(await Promise.all(both)).to.deep.equal([false, true]);
      expect((await journal.load(record.sagaId))?.steps[0]).to.deep.equal(current.steps[0]);
    });

    it('counts attempts that a release breaks off, or does not, as it is told', async () => {
      const failure = { code: 'X', message: 'x', failedStep: 'credit' };
      const undoing = { status: 'compensating', undoAttempts: 4, undoUnended: 4 } as const;
      const left: unknown[] = [];
      for (const attempts of ['counted', 'uncounted'] as const) {
        for (const [changes, step] of [
          [{ status: 'running' }, { attempts: 3 }],
          [{ status: 'compensating', failure }, undoing],
        ] as const) {
          const record = sagaRecord();
          const hold = await start(record);
          const steps = record.steps.with(0, { ...begun('debit'), ...step });
          await journal.write(hold, { ...record, ...changes, steps }, [0], 'renew');
          await journal.release([hold], attempts);
          const kept = (await journal.load(record.sagaId))?.steps[0];
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

    it('takes back no attempt that was found begun, as long as nothing was written behind a claim', async () => {
      const attempts: unknown[] = [];
      for (const announces of [false, true]) {
        const record = sagaRecord();
        const steps = record.steps.with(0, { ...begun('debit'), attempts: 3 });
        const dead = store.journal(0);
        await dead.write(await start(record, 0), { ...record, steps }, [0], 'renew');
        const [claim] = await journal.claim(upTo(1), KNOWN, 'none');
        const again = { ...record, steps: record.steps.with(0, { ...begun('debit'), attempts: 4 }) };
        if (announces) await journal.write(claim!.hold, again, [0], 'renew');
        await journal.release([claim!.hold], 'uncounted');
        attempts.push((await journal.load(record.sagaId))?.steps[0]?.attempts);
        await journal.claim(upTo(1), KNOWN, 'none');
      }
      expect(attempts).to.deep.equal([3, 3]);
    });

    it('gives values back as they were written: numbers no longer, members in their order', async () => {
      const tiny = Array.from({ length: 1_000 }, () => 5e-324);
      const ordered = { zebra: 1, a: { 10: 'ten', b: [1e300, 0.1] } };
      const record = sagaRecord({ input: { tiny, ordered } });
      const hold = await start(record, 0);
      const steps = record.steps.with(0, { ...begun('debit'), status: 'completed', result: tiny });
      await store.journal(0).write(hold, { ...record, steps }, [0], 'renew');
      const [claim] = await journal.claim(upTo(1), KNOWN, 'none');
      expect(JSON.stringify(claim!.record.input)).to.equal(JSON.stringify(record.input));
      expect(claim!.record.steps[0]!.result).to.deep.equal(tiny);
      expect(claim!.size).to.equal(JSON.stringify([record.input, tiny]).length - '[,]'.length);
    });

    it('claims no more than so many bytes of values, but one saga however large it is', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 4; n++) {
        const record = sagaRecord({ input: 'é'.repeat(20_000) });
        const hold = await start(record, 0);
        const steps = record.steps.with(1, {
          ...begun('credit'),
          status: 'completed',
          result: 'é'.repeat(999),
        });
        await store.journal(0).write(hold, { ...record, steps }, [1], 'renew');
        ids.push(record.sagaId);
      }
      const claimed: string[][] = [];
      for (const bytes of [1, 42_003, 1_000_000]) {
        const claims = await journal.claim({ ...upTo(10), bytes }, KNOWN, 'none');
        claimed.push(claims.map(({ hold }) => hold.sagaId));
      }
      expect(claimed).to.deep.equal([ids.slice(0, 1), ids.slice(1, 3), ids.slice(3)]);
    });

    it('claims small ones all the same, wherever they are behind large ones', async () => {
      const large = 'a'.repeat(20_000);
      for (let n = 0; n < 12; n++) await start(sagaRecord({ input: large }), 0);
      const { sagaId } = await start(sagaRecord(), 0);
      const few = { ...upTo(10), bytes: 0 };
      const small = await journal.claim(few, KNOWN, 'none');
      expect(small.map(({ hold }) => hold.sagaId)).to.deep.equal([sagaId]);
      expect(await journal.claim({ ...few, bytes: 1 }, KNOWN, 'none')).to.have.length(1);
    });

    it('claims nothing by a claim that comes too late', async () => {
      const { sagaId } = await start(sagaRecord(), 0);
      const now = await journal.time();
      const late = await journal.claim({ ...upTo(10), until: now - 1 }, KNOWN, 'none');
      expect(late).to.deep.equal([]);
      const claims = await journal.claim({ ...upTo(10), until: now + LONG_MS }, KNOWN, 'none');
      expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([sagaId]);
    });

    it('tells the time that leases are judged by', async () => {
      const before = await journal.time();
      expect(before).to.be.within(Date.now() - 60_000, Date.now() + 60_000);
      expect(await journal.time()).to.be.at.least(before);
    });

    it('shortens a lease that lies far ahead when it is renewed', async () => {
      const hold = await start(sagaRecord());
      expect(await store.journal(0).renew([hold])).to.deep.equal({ renewed: [hold], lost: [] });
      const claims = await journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map((claim) => claim.hold.sagaId)).to.deep.equal([hold.sagaId]);
    });

    it('takes nothing from a runner that has not released it, unless its lease had run out by then', async () => {
      const before = await journal.time();
      const [held, released] = [await start(sagaRecord(), 0), await start(sagaRecord(), 0)];
      await journal.release([released], 'uncounted');
      const claim = async (lapsedAt: number | undefined): Promise<readonly string[]> =>
        (await journal.claim({ ...upTo(10), lapsedAt }, KNOWN, 'none')).map(({ hold }) => hold.sagaId);
      expect(await claim(undefined)).to.deep.equal([released.sagaId]);
      expect(await claim(before - 1)).to.deep.equal([]);
      expect(await claim((await journal.time()) + 1)).to.deep.equal([held.sagaId]);
    });

    it('leaves leases and pauses alone that do not lie further ahead than they can have been set', async () => {
      const [held, record] = [await start(sagaRecord(), LONG_MS / 2), sagaRecord()];
      await journal.write(await start(record), { ...record, status: 'waiting' }, [], {
        releaseForMs: 2 * LONG_MS,
      });
      await journal.redate(0);
      const later = { ...upTo(10), lapsedAt: (await journal.time()) + LONG_MS / 3 };
      expect(await journal.claim(later, KNOWN, 'none')).to.deep.equal([]);
      expect((await journal.renew([held])).renewed).to.deep.equal([held]);
    });

    it('changes nothing for a write with an old fence', async () => {
      const record = sagaRecord();
      const old = await start(record, 0);
      const [claim] = await journal.claim(upTo(10), KNOWN, 'none');
      const steps = record.steps.with(0, begun('debit'));
      const stale: SagaRecord = { ...record, status: 'completed', steps };
      expect(await journal.write(old, stale, [0], 'renew')).to.equal(false);
      expect(await journal.load(record.sagaId)).to.deep.equal(record);
      expect(await journal.write(claim!.hold, stale, [0], 'renew')).to.equal(true);
    });

    it('claims what runs when its lease is over, with a larger fence, and not before', async () => {
      const left = await start(sagaRecord(), 0);
      await start(sagaRecord());
      const claims = await journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([left.sagaId]);
      expect(claims[0]!.hold.fence).to.be.greaterThan(left.fence);
      expect(claims[0]!.record).to.deep.equal(await journal.load(left.sagaId));
      expect(await journal.claim(upTo(10), KNOWN, 'none')).to.deep.equal([]);
    });

    it('leaves what it does not know to others, but not for ever', async () => {
      const { sagaId } = await start(sagaRecord(), 0);
      const [, { saga, version, steps }] = KNOWN as [DefinitionKey, DefinitionKey];
      for (const others of [
        [],
        [{ saga, version: 2, steps }],
        [{ saga, version, steps: [...steps, 'more'] }],
        [{ saga: 'other', version, steps }],
      ]) {
        expect(await journal.claim(upTo(10), others, 'none')).to.deep.equal([]);
      }
      expect((await journal.claim(upTo(10), KNOWN, 'none')).map(({ hold }) => hold.sagaId)).to.deep.equal([
        sagaId,
      ]);
      const left = await start(sagaRecord(), -600_000);
      expect(await journal.claim(upTo(10), [], 'none')).to.deep.equal([]);
      expect((await journal.claim(upTo(10), [], 'unclaimed')).map(({ hold }) => hold.sagaId)).to.deep.equal([
        left.sagaId,
      ]);
    });

    it('leaves what somebody who knows it has vouched for to him', async () => {
      const { sagaId } = await start(sagaRecord(), -600_000);
      await journal.markKnown(KNOWN.slice(0, 1));
      await store.journal(LONG_MS).markKnown(KNOWN);
      expect(await journal.claim(upTo(10), [], 'unclaimed')).to.deep.equal([]);
      const claims = await journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ hold }) => hold.sagaId)).to.deep.equal([sagaId]);
      const other = await start(sagaRecord(), -600_000);
      await journal.markKnown([]);
      const unknown = await journal.claim(upTo(10), [], 'unclaimed');
      expect(unknown.map(({ hold }) => hold.sagaId)).to.deep.equal([other.sagaId]);
    });

    it('tells of what it claims whether its last runner was lost or had let it go', async () => {
      const record = sagaRecord();
      const slept = await start(record);
      await journal.write(slept, { ...record, status: 'waiting' }, [], LET_GO);
      const lost = await start(sagaRecord(), 0);
      const claims = await journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ hold, wasRunnerLost }) => [hold.sagaId, wasRunnerLost])).to.deep.equal([
        [slept.sagaId, false],
        [lost.sagaId, true],
      ]);
    });

    it('claims the oldest first, no more than it is asked for', async () => {
      const ids = [];
      for (let n = 0; n < 4; n++) ids.push((await start(sagaRecord(), 0)).sagaId);
      const first = await journal.claim(upTo(3), KNOWN, 'none');
      expect(first.map(({ hold }) => hold.sagaId)).to.deep.equal(ids.slice(0, 3));
      expect((await journal.claim(upTo(3), KNOWN, 'none')).map(({ hold }) => hold.sagaId)).to.deep.equal(
        ids.slice(3),
      );
    });

    it('lets none wait for ever behind others that are claimed again and again', async () => {
      const own = await open();
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
          const waiting = { ...record, status: 'waiting', updatedAt: ++lastNow } as const;
          await mine.write(hold, waiting, [], { releaseForMs: 0 });
        }
      }
      expect([...seen]).to.include.members(young);
    });

    it('never gives one saga to two that claim at once', async () => {
      const ids = await Promise.all(
        Array.from({ length: 40 }, async () => (await start(sagaRecord(), 0)).sagaId),
      );
      const rounds = await Promise.all(
        Array.from({ length: 8 }, () => store.journal(LONG_MS).claim(upTo(10), KNOWN, 'none')),
      );
      const given = rounds.flat().map(({ hold }) => hold.sagaId);
      expect(new Set(given).size).to.equal(given.length);
      const rest = (await journal.claim(upTo(40), KNOWN, 'none')).map(({ hold }) => hold.sagaId);
      expect([...given, ...rest].sort()).to.deep.equal(ids.sort());
    });

    it('claims no saga that has ended', async () => {
      for (const status of ['completed', 'compensated', 'needs-attention'] as const) {
        const record = sagaRecord();
        await journal.write(await start(record), { ...record, status }, [], LET_GO);
      }
      expect(await journal.claim(upTo(10), KNOWN, 'none')).to.deep.equal([]);
    });

    it('wakes a waiting saga when it is due, in the direction it was going', async () => {
      const failure = { code: 'X', message: 'x', failedStep: 'debit' };
      const [forward, backward, later] = [sagaRecord(), sagaRecord({ failure }), sagaRecord()];
      for (const record of [forward, backward, later]) {
        const lease = { releaseForMs: record === later ? LONG_MS : 0 };
        await journal.write(await start(record), { ...record, status: 'waiting' }, [], lease);
      }
      // `failure` is written by the move that sets it, not by the start.
      const claims = await journal.claim(upTo(10), KNOWN, 'none');
      expect(claims.map(({ record }) => [record.sagaId, record.status])).to.deep.equal([
        [forward.sagaId, 'running'],
        [backward.sagaId, 'compensating'],
      ]);
    });

    it('renews what is still held and says what is not', async () => {
      const mine = await start(sagaRecord(), 0);
      const lost = await start(sagaRecord(), 0);
      expect(await journal.renew([mine])).to.deep.equal({ renewed: [mine], lost: [] });
      const [claim] = await journal.claim(upTo(10), KNOWN, 'none');
      expect(claim?.hold.sagaId).to.equal(lost.sagaId);
      expect(await journal.renew([mine, lost])).to.deep.equal({ renewed: [mine], lost: [lost] });
    });

    it('does not wake a sleeping saga by a late renewal', async () => {
      const record = sagaRecord();
      const hold = await start(record);
      await journal.write(hold, { ...record, status: 'waiting' }, [], { releaseForMs: LONG_MS });
      await store.journal(0).renew([hold]);
      await store.journal(2 * LONG_MS).renew([hold]);
      expect(await journal.claim(upTo(10), KNOWN, 'none')).to.deep.equal([]);
    });

    it('frees a released saga at once and for good', async () => {
      const record = sagaRecord();
      const hold = await start(record);
      await journal.release([hold], 'uncounted');
      expect(await journal.write(hold, { ...record, status: 'completed' }, [], 'renew')).to.equal(false);
      expect((await journal.claim(upTo(10), KNOWN, 'none')).map((claim) => claim.hold.sagaId)).to.deep.equal([
        hold.sagaId,
      ]);
    });

    it('does not count a compensation that a release breaks off as one that ended its process', async () => {
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
        const hold = await start(record);
        await journal.write(hold, record, [0], 'renew');
        holds.push(hold);
      }
      await journal.release(holds.slice(0, 1), 'uncounted');
      const unended = async ({ sagaId }: SagaRecord): Promise<number | undefined> =>
        (await journal.load(sagaId))?.steps[0]?.undoUnended;
      expect([await unended(released!), await unended(other!)]).to.deep.equal([0, 4]);
    });

    it('lets an operator take what nobody runs, and nothing else', async () => {
      const take = async (status: SagaRecord['status'], releaseForMs?: number): Promise<boolean> => {
        const record = sagaRecord();
        const lease = releaseForMs === undefined ? 'renew' : { releaseForMs };
        await journal.write(await start(record), { ...record, status }, [], lease);
        return (await journal.take(record.sagaId)) !== undefined;
      };
      expect(await take('needs-attention', LONG_MS)).to.equal(true);
      expect(await take('waiting', LONG_MS)).to.equal(true);
      expect(await take('running', 0)).to.equal(true);
      expect(await take('running')).to.equal(false);
      expect(await take('completed', 0)).to.equal(false);
      expect(await journal.take(newSagaId(1))).to.equal(undefined);
    });

    it('lists the newest first, by saga, by status and by page', async () => {
      const saga = `listed-${lastNow}`;
      const records = Array.from({ length: 5 }, () =>
        sagaRecord({ saga, idempotencyKey: String(++lastNow) }),
      );
      for (const record of records) {
        const hold = await start(record);
        if (record === records[2]) await journal.write(hold, { ...record, status: 'waiting' }, [], LET_GO);
      }
      const newest = records.map(({ sagaId }) => sagaId).reverse();
      const ids = async (query: { status?: 'waiting' | 'running'; limit: number; before?: string }) =>
        (await journal.list({ saga, ...query })).map(({ sagaId }) => sagaId);
      expect(await ids({ limit: 10 })).to.deep.equal(newest);
      expect(await ids({ limit: 2 })).to.deep.equal(newest.slice(0, 2));
      expect(await ids({ limit: 2, before: newest[1]! })).to.deep.equal(newest.slice(2, 4));
      expect(await ids({ status: 'waiting', limit: 10 })).to.deep.equal([records[2]!.sagaId]);
      const [first] = await journal.list({ limit: 1, saga, status: 'running' });
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
  });
}
