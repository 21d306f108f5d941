// The orderly end of the saga engine of a worker.
import { expect } from 'chai';
import { UnavailableError } from '#src/errors.js';
import type { SagaView, StepContext } from '#src/saga/saga.js';
import { Moment, type Step } from './harness.js';
import { LONG, useEngines } from './use-engines.js';

describe('drain', () => {
  const world = useEngines();

  const healthy: readonly Step[] = [
    { name: 'a', run: (_, { attempt }: StepContext) => attempt },
    { name: 'b', run: () => 'done' },
  ];

  it('lets running sagas end', async () => {
    const go = new Moment();
    const begun = new Moment();
    const run = (): Promise<void> => {
      begun.now();
      return go.happened;
    };
    const worker = world().start([{ name: 'a', run }, healthy[1]!]);
    worker.start();
    const { sagaId } = await worker.sagas.start('transfer', {});
    await begun.happened;
    const drained = worker.drain(10_000);
    go.now();
    await drained;
    expect((await worker.sagas.get(sagaId)).status).to.equal('completed');
  });

  it('interrupts sagas that do not end and releases them at once', async () => {
    const sagaId = await world().abandoned();
    await world().started[0]!.drain(0);
    const successor = world().start(healthy);
    successor.start();
    expect((await successor.sagas.wait(sagaId, LONG)).status).to.equal('completed');
  });

  it('does not wait for a saga that is pausing', async () => {
    const pausing = new Moment();
    const failing: Step = { name: 'a', run: () => Promise.reject(new Error('down')) };
    const worker = world().start([failing, healthy[1]!], {
      sleep: (ms, signal) => {
        if (ms < 100) pausing.now();
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    const { sagaId } = await worker.sagas.start('transfer', {});
    await pausing.happened;
    await worker.drain(10_000);
    expect((await worker.sagas.get(sagaId)).status).to.equal('waiting');
    world().now += 100;
    const successor = world().start(healthy);
    successor.start();
    expect((await successor.sagas.wait(sagaId, LONG)).status).to.equal('completed');
  });

  it('continues a pausing saga that a caller waits for', async () => {
    const pausing = new Moment();
    const wake = new Moment();
    let failures = 1;
    const flaky: Step = {
      name: 'a',
      run: () => (failures-- > 0 ? Promise.reject(new Error('down')) : 'here'),
    };
    const worker = world().start([flaky], {
      sleep: (_, signal) => {
        pausing.now();
        return Promise.race([
          wake.happened,
          new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
        ]);
      },
    });
    const { sagaId } = await worker.sagas.start('transfer', {});
    const waiting = worker.sagas.wait(sagaId, LONG);
    await pausing.happened;
    const drained = worker.drain(10_000);
    wake.now();
    expect(await waiting).to.deep.include({ status: 'completed', results: { a: 'here' } });
    await drained;
  });

  it('starts and finishes sagas as long as requests can arrive', async () => {
    const closed = new Moment();
    const worker = world().start(healthy);
    const drained = worker.drain(10_000, closed.happened);
    const { sagaId } = await worker.sagas.start('transfer', {});
    expect((await worker.sagas.wait(sagaId, LONG)).status).to.equal('completed');
    const late = await worker.sagas.start('transfer', {});
    closed.now();
    await drained;
    expect((await worker.sagas.get(late.sagaId)).status).to.equal('completed');
  });

  it('refuses starts afterwards with 503, and journals nothing', async () => {
    const worker = world().start(healthy);
    await worker.drain(0);
    const error = await worker.sagas.start('transfer', {}).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(UnavailableError).and.include({ code: 'DRAINING' });
    expect(world().store.records()).to.deep.equal([]);
  });

  it('releases a saga whose start was being journaled while the worker drained', async () => {
    const creating = new Moment();
    const go = new Moment();
    const worker = world().start(healthy, {
      wrap: (journal) => {
        const create = journal.create.bind(journal);
        journal.create = async (...args) => {
          creating.now();
          await go.happened;
          return create(...args);
        };
        return journal;
      },
    });
    const starting = worker.sagas.start('transfer', {});
    await creating.happened;
    await worker.drain(0);
    go.now();
    const { sagaId } = await starting;
    const successor = world().start(healthy);
    successor.start();
    const view: SagaView = await successor.sagas.wait(sagaId, LONG);
    expect(view.status).to.equal('completed');
  });
});
