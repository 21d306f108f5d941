import { expect } from 'chai';
import { BusinessError, UnavailableError } from '#src/errors.js';
import type { SagaEngine } from '#src/saga/engine.js';
import { intervene } from '#src/saga/intervene.js';
import { type Journal, UNCLAIMED_MS, UnstorableError } from '#src/saga/journal.js';
import type { SagaView, StepContext } from '#src/saga/saga.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { upTo } from '#test/conformance/journal-records.js';
import { definitionOf, engineOn, Moment, type Step, VirtualPauses } from './harness.js';

const LONG = { timeoutMs: 20_000 };
const HOUR_MS = 3_600_000;

describe('recovery', () => {
  const engines: SagaEngine[] = [];
  let now: number;
  let store: MemoryStore;
  let pauses: VirtualPauses;

  beforeEach(() => {
    now = Date.now();
    store = new MemoryStore(() => now);
    pauses = new VirtualPauses(
      () => now,
      (at) => {
        now = at;
      },
    );
  });
  afterEach(() => Promise.all(engines.splice(0).map((engine) => engine.drain(0))));

  function engine(
    steps: readonly Step[],
    options: Parameters<typeof engineOn>[2] & { readonly version?: number } = {},
  ): SagaEngine {
    const { version = 1, ...rest } = options;
    const one = engineOn(store, [definitionOf(steps, 'transfer', version)], rest);
    engines.push(one);
    return one;
  }

  /** Starts a saga whose first step never ends, as if its worker had died in it. */
  async function abandoned(): Promise<string> {
    const begun = new Moment();
    const hang: Step = { name: 'a', run: () => new Promise(() => begun.now()) };
    const dead = engine([hang, { name: 'b', run: () => 1 }]);
    const { sagaId } = await dead.sagas.start('transfer', { amount: 1 });
    await begun.happened;
    return sagaId;
  }

  const healthy: readonly Step[] = [
    { name: 'a', run: (_, { attempt }: StepContext) => attempt },
    { name: 'b', run: () => 'done' },
  ];

  const sleep: VirtualPauses['sleep'] = (...given) => pauses.sleep(...given);

  it('continues the saga of a dead worker once its lease has expired', async () => {
    const sagaId = await abandoned();
    now += LEASE_MS;
    const successor = engine(healthy, { sleep });
    successor.start();
    const view = await successor.sagas.wait(sagaId, LONG);
    expect(view).to.deep.include({ status: 'completed', results: { a: 2, b: 'done' } });
  });

  it('does not claim a saga that is held', async () => {
    const sagaId = await abandoned();
    now += LEASE_MS - 1;
    const claimed = new Moment<number>();
    const successor = engine(healthy, { wrap: (journal) => reportClaims(journal, claimed) });
    successor.start();
    expect(await claimed.happened).to.equal(0);
    expect((await successor.sagas.get(sagaId)).status).to.equal('running');
  });

  it('does not run a saga whose definition has changed, but marks it as needing attention', async () => {
    for (const [steps, version] of [
      [healthy, 2],
      [[...healthy, { name: 'c', run: () => 1 }], 1],
    ] as const) {
      const sagaId = await abandoned();
      now += LEASE_MS + UNCLAIMED_MS;
      const begun = now;
      const successor = engine(steps, { version, sleep });
      successor.start();
      const view = await successor.sagas.wait(sagaId, LONG);
      expect(view).to.deep.include({ status: 'needs-attention', reason: 'DEFINITION_MISSING' });
      expect(view.steps[0]?.attempts).to.equal(1);
      expect(now - begun, 'processes that know the saga had time to claim it').to.be.at.least(UNCLAIMED_MS);
      await successor.drain(0);
    }
  });

  it('leaves a saga to a process that knows it, however long that has no capacity for it', async () => {
    const sagaId = await abandoned();
    now += LEASE_MS + UNCLAIMED_MS;
    const hang: Step = { name: 'a', run: () => new Promise(() => undefined) };
    const full = engine([hang, healthy[1]!]);
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
    const busy = engine([hang, healthy[1]!], { sleep, wrap });
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
    const worker = engine(
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
    const successor = engine(healthy, { sleep });
    now += LEASE_MS;
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
      await sleep(ms, signal);
      if (++round === 200) rounds.now();
    };
    const [holder, other] = [engine(steps, { sleep: counted }), engine(steps, { sleep: counted })];
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
    const asleep = engine([
      { name: 'a', run: hang },
      { name: 'b', run: () => 'by the wrong one' },
    ]);
    const { sagaId } = await asleep.sagas.start('transfer', {});
    now += LEASE_MS;
    const successor = engine(healthy, { sleep });
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
    const worker = engine(steps, {
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
    const stored = store.sagas.get(sagaId)!;
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
    const worker = engine([flaky], { wrap: (journal) => tellWrites(journal, 'waiting', resting) });
    const { sagaId } = await worker.sagas.start('transfer', {});
    await resting.happened;
    const asleep = await worker.sagas.wait(sagaId, { timeoutMs: 1 });
    expect(asleep.status).to.equal('waiting');
    expect(asleep.steps[0]).to.include({ status: 'unknown', attempts: 1 });
    failing = false;
    now += HOUR_MS;
    worker.start();
    expect((await worker.sagas.wait(sagaId, LONG)).status).to.equal('completed');
  });

  it('retries a compensation for 24 hours, then needs attention, with the other steps compensated', async () => {
    const began = now;
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
    const worker = engine(steps, { sleep, random: () => 1 - Number.EPSILON });
    worker.start();
    const { sagaId } = await worker.sagas.start('transfer', {});
    const view = await worker.sagas.wait(sagaId, LONG);
    expect(view).to.deep.include({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' });
    expect(view.error).to.include({ code: 'NO', failedStep: 'c' });
    expect(view.steps.map(({ status }) => status)).to.deep.equal(['compensated', 'failed', 'failed']);
    expect(Date.parse(view.updatedAt) - began).to.be.within(24 * HOUR_MS, 25 * HOUR_MS);
    expect(tries).to.be.greaterThan(1000);
  }).timeout(20_000);

  describe('drain', () => {
    it('lets running sagas end', async () => {
      const go = new Moment();
      const begun = new Moment();
      const run = (): Promise<void> => {
        begun.now();
        return go.happened;
      };
      const worker = engine([{ name: 'a', run }, healthy[1]!]);
      worker.start();
      const { sagaId } = await worker.sagas.start('transfer', {});
      await begun.happened;
      const drained = worker.drain(10_000);
      go.now();
      await drained;
      expect((await worker.sagas.get(sagaId)).status).to.equal('completed');
    });

    it('interrupts sagas that do not end and releases them at once', async () => {
      const sagaId = await abandoned();
      await engines[0]!.drain(0);
      const successor = engine(healthy);
      successor.start();
      expect((await successor.sagas.wait(sagaId, LONG)).status).to.equal('completed');
    });

    it('does not wait for a saga that is pausing', async () => {
      const pausing = new Moment();
      const failing: Step = { name: 'a', run: () => Promise.reject(new Error('down')) };
      const worker = engine([failing, healthy[1]!], {
        sleep: (ms, signal) => {
          if (ms < 100) pausing.now();
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
        },
      });
      const { sagaId } = await worker.sagas.start('transfer', {});
      await pausing.happened;
      await worker.drain(10_000);
      expect((await worker.sagas.get(sagaId)).status).to.equal('waiting');
      now += 100;
      const successor = engine(healthy);
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
      const worker = engine([flaky], {
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
      const worker = engine(healthy);
      const drained = worker.drain(10_000, closed.happened);
      const { sagaId } = await worker.sagas.start('transfer', {});
      expect((await worker.sagas.wait(sagaId, LONG)).status).to.equal('completed');
      const late = await worker.sagas.start('transfer', {});
      closed.now();
      await drained;
      expect((await worker.sagas.get(late.sagaId)).status).to.equal('completed');
    });

    it('refuses starts afterwards with 503, and journals nothing', async () => {
      const worker = engine(healthy);
      await worker.drain(0);
      const error = await worker.sagas.start('transfer', {}).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(UnavailableError).and.include({ code: 'DRAINING' });
      expect(store.records()).to.deep.equal([]);
    });

    it('releases a saga whose start was being journaled while the worker drained', async () => {
      const creating = new Moment();
      const go = new Moment();
      const worker = engine(healthy, {
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
      const successor = engine(healthy);
      successor.start();
      const view: SagaView = await successor.sagas.wait(sagaId, LONG);
      expect(view.status).to.equal('completed');
    });
  });

  it('begins a step of a lost worker again after the pause of a failed attempt', async () => {
    const retry = { attempts: 3, backoffMs: 20_000, maxBackoffMs: 20_000 };
    const begun = new Moment<number>();
    const hang = (): Promise<never> => new Promise(() => begun.now(now));
    const dead = engine([{ name: 'a', retry, run: hang }]);
    const { sagaId } = await dead.sagas.start('transfer', {});
    const begunAt = await begun.happened;
    now += LEASE_MS;
    let againAt = 0;
    const again = (): void => {
      againAt = now;
    };
    const successor = engine([{ name: 'a', retry, run: again }], { sleep });
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
