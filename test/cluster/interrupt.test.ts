import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { interruptThread } from '#src/cluster/interrupt.js';
import { entersContext, isServiceCode } from '#src/cluster/stack-frames.js';
import { newSeed } from '#test/support/random.js';
import type { Order } from './awaiting-thread.js';
import { type DiveOrder, WAYS } from './diving-order.js';
import { interruptAroundTheEnd } from './interrupt-around-end.js';

/** Longer than the loop of the thread may be stalled. */
const STANDS_MS = 30;
/** Threads with a deep stack need some time to read it. */
const PATIENT_MS = 5_000;

describe('interrupting a thread', () => {
  const user = 'file:///app/service.js';
  const timers = 'node:internal/timers';

  it('ends code that is not part of Node.js, wherever Node.js has called it from', () => {
    expect(entersContext([user, timers])).to.equal(false);
    expect(entersContext(['node:internal/perf/performance', user, timers])).to.equal(false);
    expect(entersContext(['', user])).to.equal(false);
  });

  it('does not end code of Node.js that may be about to enter an asynchronous context', () => {
    expect(entersContext([timers])).to.equal(true);
    expect(entersContext(['node:internal/priority_queue', timers, user])).to.equal(true);
    expect(entersContext(['node:internal/async_hooks', 'node:async_hooks', user])).to.equal(true);
    expect(entersContext(['node:events'])).to.equal(true);
  });

  it('recognizes code of services, and of packages that are bundled', () => {
    const own = ['#src/worker/system-routes.js', '#packages/typebox-value.js'].map((file) =>
      import.meta.resolve(file),
    );
    for (const file of [user, 'evaluated', ...own]) {
      expect(isServiceCode(file), file).to.equal(true);
    }
    for (const file of ['', timers, import.meta.resolve('#src/server/app.js')]) {
      expect(isServiceCode(file), file).to.equal(false);
    }
  });

  it('leaves a thread that continues, also around the moment at which its work ends by itself', async function () {
    this.timeout(60_000);
    const seed = newSeed();
    console.log(`      seed ${seed}`);
    const { interrupted, ended } = await interruptAroundTheEnd(100, seed);
    expect(interrupted + ended).to.equal(100);
    expect(interrupted).to.be.greaterThan(0);
  });

  it('tries again on a loop of awaits until it finds code on the stack', async function () {
    this.timeout(60_000);
    const thread = new Worker(new URL('./awaiting-thread.js', import.meta.url));
    await once(thread, 'message');
    const answered = async (order: Order): Promise<void> => {
      thread.postMessage(order);
      await once(thread, 'message');
    };
    for (let time = 0; time < 10; time++) {
      await answered('loop');
      await sleep(STANDS_MS);
      const found = await interruptThread(thread.threadId);
      expect(found).to.have.property('where', 'elsewhere');
      await answered('ping');
    }
    await thread.terminate();
  });

  describe('whose code is at the end of its stack', () => {
    let thread: Worker;

    async function order(what: DiveOrder): Promise<void> {
      thread.postMessage(what);
      await once(thread, 'message');
    }

    beforeEach(async () => {
      thread = new Worker(new URL('./diving-thread.js', import.meta.url));
      await once(thread, 'message');
    });

    afterEach(() => thread.terminate());

    for (const way of WAYS) {
      it(`interrupts it where it leaves room again: ${way}`, async function () {
        this.timeout(60_000);
        for (let time = 0; time < 8; time++) {
          await order(way);
          let found: Awaited<ReturnType<typeof interruptThread>> = 'responsive';
          while (found === 'responsive') found = await interruptThread(thread.threadId, PATIENT_MS);
          expect(found).to.have.property('where', 'elsewhere');
          await order('ping');
        }
      });
    }
  });
});
