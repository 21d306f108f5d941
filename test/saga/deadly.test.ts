// Compensations that crash their process, over one journal in memory: one engine after the other dies.
import { setImmediate as turnOf } from 'node:timers/promises';
import { expect } from 'chai';
import { BusinessError } from '#src/errors.js';
import type { SagaEngine } from '#src/saga/engine.js';
import { intervene } from '#src/saga/intervene.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MAX_UNENDED_UNDOS } from '#src/saga/state-machine.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { definitionOf, engineOn, type Step } from './harness.js';
import { Life } from './world.js';

const LONG = { timeoutMs: 20_000 };

describe('a compensation that ends its process', () => {
  const engines: SagaEngine[] = [];
  let now: number;
  let store: MemoryStore;

  beforeEach(() => {
    now = Date.now();
    store = new MemoryStore(() => now);
  });
  afterEach(() => Promise.all(engines.splice(0).map((engine) => engine.drain(0))));

  function engine(steps: readonly Step[], options: Parameters<typeof engineOn>[2] = {}): SagaEngine {
    const one = engineOn(store, [definitionOf(steps)], options);
    engines.push(one);
    return one;
  }

  /** Advances the test's clock by every pause; no real time passes. */
  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    const until = now + ms;
    await turnOf();
    if (!signal.aborted) now = Math.max(now, until);
  };

  /** Runs one engine after the other until the saga has ended. @returns how many have died */
  async function dieUntilEnded(sagaId: string, steps: (life: Life) => readonly Step[]): Promise<number> {
    for (let deaths = 0; ; deaths++) {
      const life = new Life();
      now += LEASE_MS;
      const successor = engine(steps(life), { sleep, wrap: (journal) => life.journal(journal, undefined) });
      successor.start();
      const view = await Promise.race([life.died, successor.sagas.wait(sagaId, LONG)]);
      if (view !== undefined) return deaths;
      engines.splice(engines.indexOf(successor), 1); // its queries get no reply any more
    }
  }

  const refuses: Step = { name: 'b', run: () => Promise.reject(new BusinessError('NO', 'no')) };

  it('is given up after ever longer pauses, and an operator can continue it', async () => {
    const begun: number[] = [];
    let isDeadly = true;
    const steps = (life: Life): readonly Step[] => [
      {
        name: 'a',
        run: () => 1,
        compensate: () => {
          begun.push(now);
          return isDeadly ? life.die() : undefined;
        },
      },
      refuses,
    ];
    const first = new Life();
    const starter = engine(steps(first), { wrap: (journal) => first.journal(journal, undefined) });
    const { sagaId } = await starter.sagas.start('transfer', {});
    await first.died;
    engines.length = 0;
    expect(await dieUntilEnded(sagaId, steps)).to.equal(MAX_UNENDED_UNDOS - 1);
    const stored = store.sagas.get(sagaId)!;
    expect(stored.record).to.include({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' });
    expect(stored.record.steps[0]?.error?.code).to.equal('ATTEMPTS_LOST');
    for (const [index, at] of begun.slice(1).entries()) {
      expect(at - begun[index]!, `before attempt ${index + 2}`).to.be.at.least((100 * 2 ** index) / 2);
    }

    isDeadly = false;
    stored.record = intervene({ kind: 'retry' }, stored.record)!;
    expect(await dieUntilEnded(sagaId, steps)).to.equal(0);
    expect(stored.record.status).to.equal('compensated');
    expect(begun).to.have.length(MAX_UNENDED_UNDOS + 1);
  });

  it('makes no other compensation be given up, however often they were lost together', async () => {
    const steps = (life: Life): readonly Step[] => [
      {
        name: 'a',
        run: () => 1,
        async compensate({ isDeadly }: { readonly isDeadly: boolean }) {
          if (isDeadly) return life.die();
          for (let turn = 0; turn < 5; turn++) await turnOf();
        },
      },
      refuses,
    ];
    const starter = engine(steps(new Life()), {
      wrap: (journal) => Object.assign(journal, { write: () => new Promise(() => undefined) }),
    });
    const ids: string[] = [];
    for (let n = 0; n < 20; n++) {
      ids.push((await starter.sagas.start('transfer', { isDeadly: n === 7 })).sagaId);
    }
    await starter.drain(0);
    expect(await dieUntilEnded(ids[7]!, steps)).to.equal(MAX_UNENDED_UNDOS);
    for (const [n, sagaId] of ids.entries()) {
      const expected = n === 7 ? 'needs-attention' : 'compensated';
      await engines.at(-1)!.sagas.wait(sagaId, LONG); // the last one lives
      const { record } = store.sagas.get(sagaId)!;
      expect(record.status, `saga ${n}: ${JSON.stringify(record)}`).to.equal(expected);
    }
  });
});
