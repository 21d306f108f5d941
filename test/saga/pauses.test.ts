// Live workers that could not reach their journal, were paused, or had their clocks set.
import { expect } from 'chai';
import { BusinessError } from '#src/errors.js';
import type { SagaEngine } from '#src/saga/engine.js';
import { type Journal, UNCLAIMED_MS } from '#src/saga/journal.js';
import type { StepContext } from '#src/saga/saga.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MAX_UNENDED_UNDOS } from '#src/saga/state-machine.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { definitionOf, engineOn, Moment, type Step } from './harness.js';

const LONG = { timeoutMs: 20_000 };
const HOUR_MS = 3_600_000;

const refuses: Step = { name: 'b', run: () => Promise.reject(new BusinessError('NO', 'no')) };
const hang = (): Promise<never> => new Promise(() => undefined);

/** A journal that replies only while the test allows it. */
function interruptible(journal: Journal, isSilent: () => boolean): Journal {
  return new Proxy(journal, {
    get:
      (target, name: keyof Journal) =>
      async (...args: unknown[]) => {
        if (isSilent()) throw new Error('the database cannot be reached');
        return (target[name] as (...given: unknown[]) => unknown).apply(target, args);
      },
  });
}

describe('a saga whose journal does not reply for longer than its lease', () => {
  let now: number;
  let isSilent: boolean;
  let store: MemoryStore;
  let engine: SagaEngine;

  beforeEach(() => {
    now = 1_800_000_000_000;
    isSilent = false;
    store = new MemoryStore(() => now);
  });
  afterEach(() => engine.drain(0));

  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    await new Promise(setImmediate);
    if (!signal.aborted) now += ms;
  };

  /** Keeps the journal from replying until the attempt is interrupted. */
  const outlasted = ({ signal }: StepContext): Promise<never> => {
    isSilent = true;
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        isSilent = false;
        reject(signal.reason as Error);
      });
    });
  };

  async function ends(steps: readonly Step[]) {
    engine = engineOn(store, [definitionOf(steps)], {
      ...{ sleep, clock: () => now },
      wrap: (journal) => interruptible(journal, () => isSilent),
    });
    const { sagaId } = await engine.sagas.start('transfer', {});
    engine.start();
    return engine.sagas.wait(sagaId, LONG);
  }

  it('records itself that its compensation was interrupted, which has crashed no process', async () => {
    let silences = 0;
    const compensate = (_: never, ctx: StepContext): Promise<void> | void =>
      ++silences > MAX_UNENDED_UNDOS ? undefined : outlasted(ctx);
    const view = await ends([{ name: 'a', timeoutMs: 60_000, run: () => 1, compensate }, refuses]);
    expect(view).to.include({ status: 'compensated' });
    expect(silences).to.equal(MAX_UNENDED_UNDOS + 1);
  });

  it('has used one forward attempt, and records why it was interrupted', async () => {
    const run = (_: never, ctx: StepContext): Promise<never> => outlasted(ctx);
    const view = await ends([{ name: 'a', timeoutMs: 60_000, retry: { attempts: 1 }, run }]);
    expect(view).to.deep.include({ status: 'compensated' });
    expect(view.error).to.include({ code: 'DEADLINE_EXCEEDED', failedStep: 'a' });
  });
});

describe('workers that were paused together', () => {
  const engines: SagaEngine[] = [];
  let now: number;
  /** How far the clock of the database server is ahead. */
  let aheadMs: number;
  let store: MemoryStore;
  let sleepers: { readonly at: number; readonly name: string; readonly wake: () => void }[];

  beforeEach(() => {
    now = 1_800_000_000_000;
    aheadMs = 0;
    sleepers = [];
    store = new MemoryStore(() => now + aheadMs);
  });
  afterEach(() => Promise.all(engines.splice(0).map((engine) => engine.drain(0))));

  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate);
  };

  function worker(
    name: string,
    steps: readonly Step[],
    version = 1,
    wrap = (journal: Journal): Journal => journal,
  ): SagaEngine {
    const engine = engineOn(store, [definitionOf(steps, 'transfer', version)], {
      wrap,
      clock: () => now,
      now: () => now,
      sleep: (ms, signal) =>
        new Promise((wake) => {
          const awake = (): void => {
            signal.removeEventListener('abort', awake);
            wake();
          };
          sleepers.push({ at: now + ms, name, wake: awake });
          signal.addEventListener('abort', awake);
        }),
    });
    engine.start();
    engines.push(engine);
    return engine;
  }

  /** Wakes the worker `name`, and every worker whose pause is over. */
  async function wake(name?: string): Promise<void> {
    const woken = sleepers.filter((one) => (name === undefined ? one.at <= now : one.name === name));
    sleepers = sleepers.filter((one) => !woken.includes(one));
    for (const sleeper of woken) sleeper.wake();
    await turns();
  }

  async function pass(ms: number): Promise<void> {
    const end = now + ms;
    for (;;) {
      const next = Math.min(...sleepers.map(({ at }) => at));
      if (next > end) break;
      now = Math.max(now, next);
      await wake();
    }
    now = end;
  }

  it('claim no saga that the other still runs', async () => {
    const steps: readonly Step[] = [{ name: 'a', timeoutMs: HOUR_MS, run: hang }];
    const owner = worker('owner', steps);
    worker('other', steps);
    await turns();
    const { sagaId } = await owner.sagas.start('transfer', {});
    await pass(5_000);
    const { fence } = store.sagas.get(sagaId)!;
    now += 2 * LEASE_MS;
    await wake('other');
    expect(store.sagas.get(sagaId)?.fence, 'the other has looked first').to.equal(fence);
    await wake('owner');
    await pass(20_000);
    expect(store.sagas.get(sagaId)?.fence).to.equal(fence);
  });

  it('claim nothing in the first 5 s after an outage, though they have no leases to renew', async () => {
    const steps: readonly Step[] = [{ name: 'a', timeoutMs: HOUR_MS, run: hang }];
    for (let outageMs = 7_000; outageMs < 25_000; outageMs += 1_300) {
      store.sagas.clear();
      const owner = engineOn(store, [definitionOf(steps)], { now: () => now });
      let isSilent = false;
      const other = worker('other', steps, 1, (journal) => interruptible(journal, () => isSilent));
      await turns();
      const { sagaId } = await owner.sagas.start('transfer', {});
      const { fence } = store.sagas.get(sagaId)!;
      await pass(1_000);
      isSilent = true;
      await pass(outageMs);
      isSilent = false;
      await pass(4_999);
      expect(store.sagas.get(sagaId)!.fence, `behind ${outageMs} ms`).to.equal(fence);
      await pass(12_000);
      expect(store.sagas.get(sagaId)!.fence, `later, behind ${outageMs} ms`).to.be.above(fence);
      await Promise.all([owner.drain(0), other.drain(0)]);
    }
  }).timeout(20_000);

  it('renew a lease while a claim takes as long as a statement may', async () => {
    const slow = (journal: Journal): Journal => {
      const claim = journal.claim.bind(journal);
      return Object.assign(journal, {
        async claim(...given: Parameters<Journal['claim']>) {
          await new Promise<void>((wake) => sleepers.push({ at: now + 9_000, name: 'claim', wake }));
          return claim(...given);
        },
      });
    };
    const steps: readonly Step[] = [{ name: 'a', timeoutMs: HOUR_MS, retry: { attempts: 1 }, run: hang }];
    const busy = worker('busy', steps, 1, slow);
    await turns();
    const { sagaId } = await busy.sagas.start('transfer', {});
    const { fence } = store.sagas.get(sagaId)!;
    for (let at = 0; at < 60; at++) {
      await pass(1_000);
      expect(store.sagas.get(sagaId)).to.deep.include({ fence });
      expect(store.sagas.get(sagaId)!.leaseUntil, `after ${at} s`).to.be.above(now);
    }
  });

  it('claim sagas without a runner a moment later', async () => {
    const dead = engineOn(store, [definitionOf([{ name: 'a', run: hang }])], { now: () => now });
    const { sagaId } = await dead.sagas.start('transfer', {});
    const successor = worker('successor', [{ name: 'a', run: () => 1 }]);
    await turns();
    now += 2 * LEASE_MS;
    await wake('successor');
    await pass(20_000);
    expect((await successor.sagas.get(sagaId)).status).to.equal('completed');
    await dead.drain(0);
  });

  for (const [what, pause] of [
    ['the process was suspended', () => (now += UNCLAIMED_MS + 60_000)],
    ['the hosts did, which only the database server shows', () => (aheadMs += UNCLAIMED_MS + 120_000)],
  ] as const) {
    it(`do not count a saga of another version as unclaimed, though ${what}`, async () => {
      const old = worker('old', [{ name: 'a', timeoutMs: 2 * HOUR_MS, run: hang }], 1);
      worker('new', [{ name: 'a', run: () => 1 }], 2);
      await turns();
      const { sagaId } = await old.sagas.start('transfer', {});
      await pass(HOUR_MS / 4);
      pause();
      for (let round = 0; round < 12; round++) {
        now += 1_250;
        await wake('new');
      }
      await wake('old');
      await pass(5_000);
      expect((await old.sagas.get(sagaId)).status).to.equal('running');
    }).timeout(10_000);
  }
});

describe('a pause between two attempts', () => {
  it('keeps its length, though the wall clock is set meanwhile', async () => {
    let wall = 1_800_000_000_000;
    const store = new MemoryStore(() => 1_800_000_000_000);
    const napping = new Moment();
    const fails: Step = {
      name: 'a',
      retry: { attempts: 5, backoffMs: 1_900, maxBackoffMs: 1_900 },
      run: () => Promise.reject(new Error('down')),
    };
    const engine = engineOn(store, [definitionOf([fails])], {
      now: () => wall,
      random: () => 1 - Number.EPSILON,
      sleep: (_, signal) => {
        napping.now();
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
    });
    const { sagaId } = await engine.sagas.start('transfer', {});
    await napping.happened;
    wall -= 2 * HOUR_MS;
    await engine.drain(3_000);
    const { record, leaseUntil } = store.sagas.get(sagaId)!;
    expect(record.status).to.equal('waiting');
    expect(leaseUntil - store.now()).to.be.at.most(1_900);
  });
});
