// Steps that make their worker fail: it drains and releases its sagas, but the attempts that it interrupts
// count.
import { setImmediate as turnOf } from 'node:timers/promises';
import { expect } from 'chai';
import { BusinessError } from '#src/errors.js';
import type { SagaEngine } from '#src/saga/engine.js';
import type { SagaView } from '#src/saga/saga.js';
import { MAX_UNENDED_UNDOS } from '#src/saga/state-machine.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { definitionOf, engineOn, Moment, type Step } from './harness.js';

const LONG = { timeoutMs: 20_000 };
const MOST_WORKERS = 12;

describe('a step that makes its worker fail', () => {
  let now: number;
  let store: MemoryStore;
  let down: Moment;
  /** True from the moment at which the thread has failed. */
  let hasFailed: boolean;

  beforeEach(() => {
    now = Date.now();
    store = new MemoryStore(() => now);
  });

  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    await turnOf();
    if (!signal.aborted) now += ms;
  };

  function worker(steps: readonly Step[], options: Parameters<typeof engineOn>[2] = {}): SagaEngine {
    down = new Moment();
    hasFailed = false;
    const engine = engineOn(store, [definitionOf(steps)], { sleep, hasFailed: () => hasFailed, ...options });
    engine.start();
    return engine;
  }

  const deadly = (): Promise<never> => {
    down.now();
    return new Promise(() => undefined);
  };

  /** Runs one worker after the other until the saga has ended. @returns how many have drained, and the end */
  async function leaveUntilEnded(
    steps: readonly Step[],
    fails: (worker: number) => boolean,
    withinMs = 0,
  ): Promise<{ left: number; view: SagaView | undefined }> {
    let engine = worker(steps);
    const { sagaId } = await engine.sagas.start('transfer', {});
    for (let left = 0; ; left++) {
      const view = await Promise.race([down.happened, engine.sagas.wait(sagaId, LONG)]);
      hasFailed ||= fails(left);
      await engine.drain(withinMs);
      if (view !== undefined || left === MOST_WORKERS) return { left, view: view ?? undefined };
      engine = worker(steps);
    }
  }

  const undone: Step = { name: 'a', run: () => 1, compensate: () => undefined };
  const refuses: Step = { name: 'b', run: () => Promise.reject(new BusinessError('NO', 'no')) };

  it('is begun as often as its retry rule allows, forward', async () => {
    const steps = [undone, { name: 'b', retry: { attempts: 3 }, run: deadly }];
    const { left, view } = await leaveUntilEnded(steps, () => true);
    expect(left).to.equal(3);
    expect(view).to.include({ status: 'compensated' });
    expect(view?.steps[1]).to.include({ status: 'unknown', attempts: 3 });
  });

  it('is given up after five attempts in a row, in compensation', async () => {
    const steps = [{ name: 'a', run: () => 1, compensate: deadly }, refuses];
    const { left, view } = await leaveUntilEnded(steps, () => true);
    expect(left).to.equal(MAX_UNENDED_UNDOS);
    expect(view).to.include({ status: 'needs-attention', reason: 'COMPENSATION_FAILED' });
    expect(view?.steps[0]?.error?.code).to.equal('ATTEMPTS_LOST');
  });

  it('is given up in compensation also when it ends before its worker has failed', async () => {
    const fail = (): Promise<never> => {
      down.now();
      return turnOf().then(() => Promise.reject(new Error('and it fails')));
    };
    const steps = [{ name: 'a', run: () => 1, compensate: fail }, refuses];
    const { left, view } = await leaveUntilEnded(steps, () => true, 10_000);
    expect(left).to.equal(MAX_UNENDED_UNDOS);
    expect(view?.steps[0]?.error?.code).to.equal('ATTEMPTS_LOST');
  });

  it('is given up in compensation also when it ends long before its worker drains', async () => {
    const fail = (): Promise<never> => {
      // An error that a step throws outside of its promise is reported after the end of the attempt.
      setTimeout(() => down.now(), 50);
      void Promise.resolve().then(() => {
        hasFailed = true;
      });
      return Promise.reject(new Error('and it fails'));
    };
    const retry = { attempts: 100, backoffMs: 0, maxBackoffMs: 0 };
    const steps = [{ name: 'a', run: () => 1, compensate: fail, retry }, refuses];
    const { left, view } = await leaveUntilEnded(steps, () => true, 10_000);
    expect(left).to.equal(MAX_UNENDED_UNDOS);
    expect(view?.steps[0]?.error?.code).to.equal('ATTEMPTS_LOST');
  });

  it('is distinguished from a step that an ordered drain interrupts, whose attempts do not count', async () => {
    for (const steps of [
      [{ name: 'a', retry: { attempts: 2 }, run: deadly }],
      [{ name: 'a', run: () => 1, compensate: deadly }, refuses],
    ]) {
      const { left, view } = await leaveUntilEnded(steps, (n) => n === 0);
      expect(view).to.equal(undefined);
      expect(left).to.equal(MOST_WORKERS);
    }
    const [forward, backward] = store.records();
    expect(forward?.steps[0]).to.include({ status: 'running', attempts: 1 });
    expect(backward?.steps[0]).to.include({ status: 'compensating', undoUnended: 0 });
  });

  it('stays counted when a worker drains that has not begun it again', async () => {
    const steps = [{ name: 'a', run: deadly }];
    const first = worker(steps);
    const { sagaId } = await first.sagas.start('transfer', {});
    await down.happened;
    hasFailed = true;
    await first.drain(0);
    const resting = new Moment();
    const second = worker(steps, {
      sleep: (ms, signal) => {
        if (ms < 500) resting.now();
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
    });
    const waiting = second.sagas.wait(sagaId, LONG);
    await resting.happened;
    await second.drain(0);
    await waiting;
    expect(store.sagas.get(sagaId)?.record.steps[0]).to.include({ status: 'running', attempts: 1 });
  });
});
