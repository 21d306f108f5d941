// What callers of `sagas.start`, `wait` and `get` see.
import { expect } from 'chai';
import { HttpError, NotFoundError } from '#src/errors.js';
import { newSagaId } from '#src/saga/saga-id.js';
import { currentScope, runInScope, type Scope } from '#src/scope.js';
import { scopeOf } from '#test/upstream/call-kit.js';
import { type engineOn, Moment, type Step } from './harness.js';
import { LONG, useEngines } from './use-engines.js';

describe('the sagas of a worker', () => {
  const world = useEngines();

  describe('start', () => {
    const idle: Step = { name: 'a', run: () => null };

    it('returns the same saga for the same key and input, whatever the order of the members', async () => {
      const { sagas } = world().start([idle]);
      const options = { idempotencyKey: 'k' };
      const first = await sagas.start('transfer', { a: 1, b: { c: 2, d: 3 } }, options);
      expect(first).to.include({ status: 'running', created: true });
      await sagas.wait(first.sagaId, LONG);
      const again = await sagas.start('transfer', { b: { d: 3, c: 2 }, a: 1 }, options);
      expect(again).to.deep.equal({ sagaId: first.sagaId, status: 'completed', created: false });
    });

    it('refuses a key that was used with another input', async () => {
      const { sagas } = world().start([idle]);
      await sagas.start('transfer', { a: 1 }, { idempotencyKey: 'k' });
      const error = await sagas.start('transfer', { a: 2 }, { idempotencyKey: 'k' }).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(HttpError).and.include({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422 });
    });

    it('releases the key of an ended saga 24 hours after its start', async () => {
      const { sagas } = world().start([idle]);
      const { sagaId } = await sagas.start('transfer', 1, { idempotencyKey: 'k' });
      await sagas.wait(sagaId, LONG);
      world().now += 24 * 3_600_000;
      expect(await sagas.start('transfer', 1, { idempotencyKey: 'k' })).to.include({ created: false });
      world().now += 1;
      expect(await sagas.start('transfer', 2, { idempotencyKey: 'k' })).to.include({ created: true });
    });

    it('refuses input that cannot be journaled, and sagas without a definition', async () => {
      const { sagas } = world().start([idle]);
      const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
        promise.catch((error: unknown) => (error instanceof HttpError ? error.code : error));
      expect(await codeOf(sagas.start('transfer', 'a\0'))).to.equal('VALIDATION_FAILED');
      expect(await codeOf(sagas.start('transfer', 1, { idempotencyKey: '' }))).to.equal('VALIDATION_FAILED');
      expect(await codeOf(sagas.start('undefined', 1))).to.be.instanceOf(TypeError);
      expect(world().store.records()).to.deep.equal([]);
    });

    it('of a request whose tracestate cannot be sent leads to steps without it', async () => {
      const scopes: (Scope | undefined)[] = [];
      const { sagas } = world().start([{ name: 'a', run: () => void scopes.push(currentScope()) }]);
      const { trace } = scopeOf();
      const request = scopeOf({ trace: { ...trace, tracestate: 'a=1\u2003,b=2' } });
      const { sagaId } = await runInScope(request, () => sagas.start('transfer', {}));
      await sagas.wait(sagaId, LONG);
      expect(scopes.map((scope) => scope?.trace)).to.deep.equal([{ ...trace, tracestate: undefined }]);
    });
  });

  describe('wait and get', () => {
    it('return the current state at the timeout, and the saga continues', async () => {
      const go = new Moment();
      const { sagas } = world().start([{ name: 'a', run: () => go.happened }]);
      const { sagaId } = await sagas.start('transfer', {});
      const view = await sagas.wait(sagaId, { timeoutMs: 1 });
      expect(view.status).to.equal('running');
      expect(view.steps[0]).to.deep.include({ name: 'a', status: 'running', attempts: 1, finishedAt: null });
      expect(view).to.deep.equal(await sagas.get(sagaId));
      go.now();
      expect((await sagas.wait(sagaId, LONG)).status).to.equal('completed');
    });

    it('see a saga that another worker runs', async () => {
      const go = new Moment();
      const step: Step = { name: 'a', run: () => go.happened };
      const { sagaId } = await world().start([step]).sagas.start('transfer', {});
      const elsewhere = world().start([step]).sagas;
      expect((await elsewhere.wait(sagaId, { timeoutMs: 1 })).status).to.equal('running');
      const waiting = elsewhere.wait(sagaId, LONG);
      go.now();
      expect((await waiting).status).to.equal('completed');
    });

    it('return the known state of a saga that ran here when the journal does not reply', async () => {
      for (const load of [
        () => Promise.reject(new Error('database away')),
        () => new Promise<never>(() => {}),
      ]) {
        const step: Step = {
          name: 'a',
          run: () => Promise.reject(new Error('x')),
          retry: { attempts: 2, backoffMs: 60_000, maxBackoffMs: 60_000 },
        };
        const wrap: NonNullable<Parameters<typeof engineOn>[2]>['wrap'] = (journal) =>
          Object.assign(journal, { load });
        const { sagas } = world().start([step], { wrap });
        const { sagaId } = await sagas.start('transfer', {});
        const view = await sagas.wait(sagaId, { timeoutMs: 50 });
        expect(view).to.deep.include({ sagaId, status: 'waiting' });
      }
    });

    it('reject for a saga that was never started', async () => {
      const { sagas } = world().start([{ name: 'a', run: () => null }]);
      for (const id of [newSagaId(1), 'no-uuid']) {
        expect(await sagas.get(id).catch((e: unknown) => e)).to.be.instanceOf(NotFoundError);
        expect(await sagas.wait(id, LONG).catch((e: unknown) => e)).to.be.instanceOf(NotFoundError);
      }
    });
  });
});
