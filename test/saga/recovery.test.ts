import { expect } from 'chai';
import { BusinessError, UnavailableError } from '#src/errors.js';
import { intervene } from '#src/saga/intervene.js';
import { type Journal, UNCLAIMED_MS, UnstorableError } from '#src/saga/journal.js';
import type { StepContext } from '#src/saga/saga.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { upTo } from '#test/conformance/journal-records.js';
import { Moment, type Step } from './harness.js';
import { LONG, useEngines } from './use-engines.js';

const HOUR_MS = 3_600_000;

describe('recovery', () => {
  const world = useEngines();

  const healthy: readonly Step[] = [
    { name: 'a', run: (_, { attempt }: StepContext) => attempt },
    { name: 'b', run: () => 'done' },
  ];

  it('continues the saga of a dead worker once its lease has expired', async () => {
    const sagaId = await world().abandoned();
    world().now += LEASE_MS;
    const successor = world().start(healthy, { sleep: world().sleep });
    successor.start();
    const view = await successor.sagas.wait(sagaId, LONG);
    expect(view).to.deep.include({ status: 'completed', results: { a: 2, b: 'done' } });
  });

  it('does not claim a saga that is held', async () => {
    const sagaId = await world().abandoned();
    world().now += LEASE_MS - 1;
    const claimed = new Moment<number>();
    const successor = world().start(healthy, { wrap: (journal) => reportClaims(journal, claimed) });
    successor.start();
    expect(await claimed.happened).to.equal(0);
    expect((await successor.sagas.get(sagaId)).status).to.equal('running');
  });

  it('does not run a saga whose definition has changed, but marks it as needing attention', async () => {
    for (const [steps, version] of [
      [healthy, 2],
      [[...healthy, { name: 'c', run: () => 1 }], 1],
    ] as const) {
      const sagaId = await world().abandoned();
      world().now += LEASE_MS + UNCLAIMED_MS;
      const begun = world().now;
      const successor = world().start(steps, { version, sleep: world().sleep });
      successor.start();
      const view = await successor.sagas.wait(sagaId, LONG);
      expect(view).to.deep.include({ status: 'needs-attention', reason: 'DEFINITION_MISSING' });
      expect(view.steps[0]?.attempts).to.equal(1);
      expect(world().now - begun, 'processes that know the saga had time to claim it').to.be.at.least(
        UNCLAIMED_MS,
      );
      await successor.drain(0);
    }
  });

  it('leaves a saga to a process that knows it, however long that has no capacity for it', async () => {
    const sagaId = await world().abandoned();
    world().now += LEASE_MS + UNCLAIMED_MS;
    const hang: Step = { name: 'a', run: () => new Promise(() => undefined) };
    const full = world().start([hang, healthy[1]!]);
    const vouched = new Moment();
    const journals: Journal[] = [];
    const wrap = (journal: Journal): Journal => {
      const markKnown = journal.markKnown.bind(journal);
      journal.markKnown = async (known) => {
        await markKnown(known);
        vouched.now();
      };
      journals.push(journal);
      return journal;
    };
    const busy = world().start([hang, healthy[1]!], { sleep: world().sleep, wrap });
    for (let n = 0; n < 256; n++) await full.sagas.start('transfer', {});
    await full.drain(0);
    busy.start();
    await vouched.happened;
    expect(await journals[0]!.claim(upTo(1000), [], 'unclaimed')).to.deep.equal([]);
    expect((await busy.sagas.get(sagaId)).status).to.equal('running');
  });

  it('begins no step when it is stopped while the intent is written', async () => {
    const begun: string[] = [];
    const [writing, go, written] = [new Moment(), new Moment(), new Moment()];
    const worker = world().start(
      [
        { name: 'a', run: () => void begun.push('a') },
        { name: 'b', run: () => void begun.push('b') },
      ],
      {
        wrap: (journal) => {
          const write = journal.write.bind(journal);
          journal.write = async (...args) => {
            writing.now();
            await go.happened;
            const held = await write(...args);
            written.now();
            return held;
          };
          journal.release = () => Promise.reject(new Error('not reached'));
          return journal;
        },
      },
    );
    const { sagaId } = await worker.sagas.start('transfer', {});
    await writing.happened;
    await worker.drain(0);
    go.now();
    await written.happened;
    await new Promise(setImmediate);
    const successor = world().start(healthy, { sleep: world().sleep });
    world().now += LEASE_MS;
    successor.start();
    expect((await successor.sagas.wait(sagaId, LONG)).status).to.equal('completed');
    expect(begun).to.deep.equal(['a']);
  });

  it('renews the lease during a long step, so that no other worker begins it', async () => {
    const go = new Moment();
    let runs = 0;
    const run = (): Promise<void> => {
      runs++;
      return go.happened;
    };
    const steps: readonly Step[] = [{ name: 'a', run }];
    const rounds = new Moment();
    let round = 0;
    const counted = async (ms: number, signal: AbortSignal): Promise<void> => {
      await world().sleep(ms, signal);
      if (++round === 200) rounds.now();
    };
    const [holder, other] = [
      world().start(steps, { sleep: counted }),
      world().start(steps, { sleep: counted }),
    ];
    const { sagaId } = await holder.sagas.start('transfer', {});
    holder.start();
    other.start();
    await rounds.happened;
    go.now();
    expect((await other.sagas.wait(sagaId, LONG)).status).to.equal('completed');
    expect(runs).to.equal(1);
  });

  it('stops a runner whose lease is lost, so that it writes nothing any more', async () => {
    const aborted = new Moment<unknown>();
    const hang = (_: never, { signal }: StepContext): Promise<void> => {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted.now(signal.reason);
          resolve();
        });
      });
    };
    const asleep = world().start([
      { name: 'a', run: hang },
      { name: 'b', run: () => 'by the wrong one' },
    ]);
    const { sagaId } = await asleep.sagas.start('transfer', {});
    world().now += LEASE_MS;
    const successor = world().start(healthy, { sleep: world().sleep });
    successor.start();
    const view = await successor.sagas.wait(sagaId, LONG);
    asleep.start();
    expect(await aborted.happened).to.be.instanceOf(UnavailableError);
    expect(await asleep.sagas.wait(sagaId, LONG)).to.deep.equal(view);
    expect(view.results).to.deep.equal({ a: 2, b: 'done' });
  });

  it('leaves a saga that the journal cannot store to an operator, who can continue it', async () => {
    let result = 'poison';
    const steps: readonly Step[] = [{ name: 'a', run: () => result }, healthy[1]!];
    const worker = world().start(steps, {
      wrap: (journal) => {
        const write = journal.write.bind(journal);
        journal.write = async (hold, record, ...rest) => {
          if (record.steps.some((step) => step.result === 'poison')) throw new UnstorableError('no');
          return write(hold, record, ...rest);
        };
        return journal;
      },
    });
    worker.start();
    const { sagaId } = await worker.sagas.start('transfer', {});
    const view = await worker.sagas.wait(sagaId, LONG);
    expect(view).to.deep.include({ status: 'needs-attention', reason: 'UNSTORABLE' });
    expect(view.steps[0]).to.deep.include({ status: 'unknown' });
    expect(view.steps[0]?.error).to.include({ code: 'UNSTORABLE' });
    result = 'good';
    const stored = world().store.sagas.get(sagaId)!;
    stored.record = intervene({ kind: 'retry' }, stored.record)!;
    expect(await worker.sagas.wait(sagaId, LONG)).to.deep.include({
      status: 'completed',
      results: { a: 'good', b: 'done' },
    });
  });

  it('keeps long pauses in the journal, and continues after them', async () => {
    const resting = new Moment();
    let failing = true;
    const flaky: Step = {
      name: 'a',
      retry: { attempts: 3, backoffMs: HOUR_MS, maxBackoffMs: HOUR_MS },
      run: () => {
        if (failing) throw new Error('down');
      },
    };
    const worker = world().start([flaky], { wrap: (journal) => tellWrites(journal, 'waiting', resting) });
    const { sagaId } = await worker.sagas.start('transfer', {});
    await resting.happened;
    const asleep = await worker.sagas.wait(sagaId, { timeoutMs: 1 });
    expect(asleep.status).to.equal('waiting');
    expect(asleep.steps[0]).to.include({ status: 'unknown', attempts: 1 });
    failing = false;
    world().now += HOUR_MS;
    worker.start();
    expect((await worker.sagas.wait(sagaId, LONG)).status).to.equal('completed');
  });

  it('retries a compensation for 24 hours, then needs attention, with the other steps compensated', async () => {
    const began = world().now;
    let tries = 0;
    const steps: readonly Step[] = [
      { name: 'a', run: () => 1, compensate: () => {} },
      {
        name: 'b',
        run: () => 1,
        compensate: () => {
          tries++;
          throw new Error('still down');
        },
      },
      { name: 'c', run: () => Promise.reject(new BusinessError('NO', 'no')) },
    ];
    const worker = world().start(steps, { sleep: world().sleep, random: () => 1 - Number.EPSILON });
    worker.start();
    const { sagaId } = await worker.sagas.start('transfer', {});
    const view = await worker.sagas.wait(sagaId, LONG);
    expect(view).to.deep.include({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' });
    expect(view.error).to.include({ code: 'NO', failedStep: 'c' });
    expect(view.steps.map(({ status }) => status)).to.deep.equal(['compensated', 'failed', 'failed']);
    expect(Date.parse(view.updatedAt) - began).to.be.within(24 * HOUR_MS, 25 * HOUR_MS);
    expect(tries).to.be.greaterThan(1000);
  }).timeout(20_000);

  it('begins a step of a lost worker again after the pause of a failed attempt', async () => {
    const retry = { attempts: 3, backoffMs: 20_000, maxBackoffMs: 20_000 };
    const begun = new Moment<number>();
    const hang = (): Promise<never> => new Promise(() => begun.now(world().now));
    const dead = world().start([{ name: 'a', retry, run: hang }]);
    const { sagaId } = await dead.sagas.start('transfer', {});
    const begunAt = await begun.happened;
    world().now += LEASE_MS;
    let againAt = 0;
    const again = (): void => {
      againAt = world().now;
    };
    const successor = world().start([{ name: 'a', retry, run: again }], { sleep: world().sleep });
    successor.start();
    await successor.sagas.wait(sagaId, LONG);
    expect(againAt - begunAt).to.be.at.least(15_000); // three quarters of it, by the chance of these tests
  });
});

function reportClaims(journal: Journal, claimed: Moment<number>): Journal {
  const claim = journal.claim.bind(journal);
  journal.claim = async (...args) => {
    const claims = await claim(...args);
    claimed.now(claims.length);
    return claims;
  };
  return journal;
}

function tellWrites(journal: Journal, status: string, written: Moment): Journal {
  const write = journal.write.bind(journal);
  journal.write = async (...args) => {
    const held = await write(...args);
    if (args[1].status === status) written.now();
    return held;
  };
  return journal;
}
