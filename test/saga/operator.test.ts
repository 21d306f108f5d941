import { expect } from 'chai';
import { HttpError, ValidationError } from '#src/errors.js';
import type { SagaRecord } from '#src/saga/journal.js';
import { pendingStep } from '#src/saga/journal-row.js';
import { countNeedingAttention } from '#src/saga/journal-upkeep.js';
import { createSagaOperator, type SagaOperator } from '#src/saga/operator.js';
import { PgJournal } from '#src/saga/pg-journal.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { KNOWN, sagaRecord, upTo } from '#test/conformance/journal-records.js';
import { openJournalDatabase, type TestDatabase } from './journal-database.js';

const failure = { code: 'NO', message: 'no', failedStep: 'null' };

describe('an operator', () => {
  const databases: TestDatabase[] = [];
  let journals: PgJournal[];
  let operator: SagaOperator;

  before(async () => {
    databases.push(await openJournalDatabase(), await openJournalDatabase());
    const dbs = databases.map(({ db }) => db);
    journals = dbs.map((db) => new PgJournal({ db, owner: 'test:1:1', leaseMs: 60_000 }));
    operator = createSagaOperator({ dbs, instanceId: 'test' });
  });
  after(() => Promise.all(databases.map((database) => database.close())));

  async function stored(changes: Partial<SagaRecord>, journal = journals[1]!): Promise<string> {
    const record = sagaRecord(changes);
    const created = await journal.create(record, 0);
    if (!created.created) throw new Error('not created');
    const lease = record.status === 'running' ? 'renew' : { releaseForMs: 3_600_000 };
    await journal.write(created.hold, record, [0, 1, 2], lease);
    return record.sagaId;
  }
  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.catch((error: unknown) => (error instanceof HttpError ? error.code : error));
  const step = (name: string, changes: object) => ({ ...pendingStep(name), attempts: 1, ...changes });

  it('reads the newest sagas of all services, page by page', async () => {
    const saga = 'paged';
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift(await stored({ saga }, journals[n % 2]));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await operator.list({ saga, limit: 2, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.items.map(({ sagaId }) => sagaId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).to.deep.equal(ids);
    const { items } = await operator.list({ saga, status: 'running', limit: 1 });
    expect(items[0]).to.have.all.keys([
      ...['sagaId', 'saga', 'version', 'status', 'idempotencyKey'],
      ...['input', 'createdAt', 'updatedAt', 'reason'],
    ]);
  });

  it('counts the sagas of a journal that need one, up to a bound', async () => {
    const [first, second] = databases.map(({ db }) => db);
    const before = await countNeedingAttention(first!, 100);
    for (let n = 0; n < 3; n++) await stored({ status: 'needs-attention', reason: 'X' }, journals[0]);
    await stored({}, journals[0]);
    expect(await countNeedingAttention(first!, 100)).to.equal(before + 3);
    expect(await countNeedingAttention(first!, 2)).to.equal(2);
    expect(await countNeedingAttention(second!, 100)).to.be.a('number');
  });

  it('reads fewer sagas on a page when their inputs are large, and loses none between pages', async () => {
    const saga = 'large';
    const input = { text: 'x'.repeat(200_000) };
    const ids: string[] = [];
    for (let n = 0; n < 40; n++) ids.unshift(await stored({ saga, input }, journals[n % 2]));
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await operator.list({ saga, limit: 1000, ...(cursor !== undefined && { cursor }) });
      pages.push(page.items.map(({ sagaId }) => sagaId));
      expect(JSON.stringify(page).length).to.be.lessThan(8_000_000);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(pages.flat()).to.deep.equal(ids);
    expect(pages.length).to.be.greaterThan(1);
  });

  it('gets an error for an invalid cursor, status or limit', async () => {
    expect(await codeOf(operator.list({ cursor: 'x' }))).to.equal('BAD_CURSOR');
    expect(await codeOf(operator.list({ status: 'x' }))).to.equal('VALIDATION_FAILED');
    for (const limit of [0, 1001, 1.5]) {
      expect(await codeOf(operator.list({ limit }))).to.equal('VALIDATION_FAILED');
    }
  });

  it('finds a saga in any of the journals, and no unknown one', async () => {
    for (const journal of journals) {
      const sagaId = await stored({}, journal);
      expect((await operator.get(sagaId)).sagaId).to.equal(sagaId);
    }
    expect(await codeOf(operator.get(newSagaId(1)))).to.equal('NOT_FOUND');
    expect(await codeOf(operator.retry('x'))).to.equal('NOT_FOUND');
  });

  it('cannot change a saga that runs or has ended', async () => {
    for (const status of ['running', 'completed', 'compensated'] as const) {
      const sagaId = await stored({ status });
      for (const hand of ['retry', 'compensate', 'skip'] as const) {
        const refusal = await operator[hand](sagaId).catch((error: unknown) => error as HttpError);
        expect(refusal).to.have.property('code', 'SAGA_NOT_IDLE');
        expect(refusal).to.have.property('message').that.includes(status);
        expect(refusal)
          .to.have.property('message')
          .that.matches(status === 'running' ? /Look at it again/ : /Start another one/);
      }
    }
  });

  /** The record that a worker would claim right after. */
  async function claimed(sagaId: string): Promise<SagaRecord> {
    const claims = await journals[1]!.claim(upTo(100), KNOWN, 'none');
    return claims.find(({ hold }) => hold.sagaId === sagaId)!.record;
  }

  it('retries a saga whose compensation was given up, for another 24 hours', async () => {
    const given = step('credit', { status: 'failed', undoAttempts: 900, undoSince: 1 });
    const steps = [step('debit', { status: 'compensated' }), given, step('null', { status: 'failed' })];
    const sagaId = await stored({
      status: 'needs-attention',
      reason: 'COMPENSATION_FAILED',
      failure,
      steps,
    });
    expect(await operator.retry(sagaId)).to.include({ status: 'compensating', reason: null });
    const record = await claimed(sagaId);
    expect(record.steps[1]).to.include({ status: 'compensating', undoAttempts: 0, undoSince: null });
    expect(record.steps[2]?.status, 'a refused step has nothing to undo').to.equal('failed');
  });

  it('retries a saga without definition, when the definition is back', async () => {
    const sagaId = await stored({ status: 'needs-attention', reason: 'DEFINITION_MISSING' });
    expect(await operator.retry(sagaId)).to.include({ status: 'running', reason: null });
    expect(await claimed(sagaId)).to.include({ status: 'running', failure: null });
  });

  it('makes a waiting saga compensate', async () => {
    const steps = [
      step('debit', { status: 'completed' }),
      step('credit', { status: 'unknown' }),
      step('null', {}),
    ];
    const sagaId = await stored({ status: 'waiting', steps });
    const view = await operator.compensate(sagaId);
    expect(view.status).to.equal('compensating');
    expect(view.error).to.include({ code: 'COMPENSATION_REQUESTED', failedStep: 'credit' });
    expect((await claimed(sagaId)).failure?.failedStep).to.equal('credit');
  });

  it('skips a step forward, and a compensation backward', async () => {
    const done = step('debit', { status: 'completed', result: 1 });
    const forward = await stored({
      status: 'waiting',
      steps: [done, step('credit', { status: 'unknown' }), pendingStep('null')],
    });
    await operator.skip(forward, { paymentId: 7 });
    const statuses = ({ steps }: { steps: readonly { status: string }[] }) => steps.map((one) => one.status);
    const skipped = await claimed(forward);
    expect(statuses(skipped)).to.deep.equal(['completed', 'completed', 'pending']);
    expect(skipped.steps[1]!.result).to.deep.equal({ paymentId: 7 });

    const stuck = step('credit', { status: 'compensating', undoAttempts: 3, undoSince: 1 });
    const backward = await stored({ status: 'waiting', failure, steps: [done, stuck, pendingStep('null')] });
    for (const [id, result] of [
      [backward, 1],
      [forward, '\0'],
    ] as const) {
      expect(await operator.skip(id, result).catch((error: unknown) => error)).to.be.instanceOf(
        ValidationError,
      );
    }
    await operator.skip(backward);
    expect(statuses(await claimed(backward))).to.deep.equal(['completed', 'compensated', 'pending']);
  });
});
