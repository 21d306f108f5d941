import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { createBulkhead, UnavailableError } from 'multilane';
import type { Looping } from './standalone-bulkhead-loops.js';

const codeOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => undefined,
    (error: unknown) => (error instanceof UnavailableError ? error.code : error),
  );

describe('createBulkhead', () => {
  it('runs as many calls at once as its limit, queues some in order, and refuses the rest', async () => {
    const bulkhead = createBulkhead({ limit: 1, queue: 1, queueMs: 60_000 });
    const done: string[] = [];
    let finish = (): void => undefined;
    const first = bulkhead.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const second = bulkhead.run(() => done.push('second'));
    expect([bulkhead.held, bulkhead.waiting]).to.deep.equal([1, 1]);
    expect(await codeOf(bulkhead.run(() => done.push('third')))).to.equal('OVERLOADED');
    expect(done).to.deep.equal([]);
    finish();
    await Promise.all([first, second]);
    expect(done).to.deep.equal(['second']);
    expect(await codeOf(bulkhead.run(() => Promise.reject(new Error('down'))))).to.be.an('error');
    expect([bulkhead.held, bulkhead.waiting]).to.deep.equal([0, 0]);
  });

  it('is the same in every thread that has its memory, and releases the permits of a thread that has died', async () => {
    const bulkhead = createBulkhead({ limit: 5 });
    let finish = (): void => undefined;
    const own = bulkhead.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const thread = new Worker(new URL('./standalone-bulkhead-thread.js', import.meta.url), {
      workerData: bulkhead.memory,
    });
    const { threadId } = thread;
    const [got] = await once(thread, 'message');
    expect([got, bulkhead.held]).to.deep.equal([4, 5]);
    expect(await codeOf(bulkhead.run(() => 'more'))).to.equal('OVERLOADED');
    await thread.terminate();
    expect(bulkhead.held).to.equal(5);
    expect(() => bulkhead.reclaim(thread.threadId)).to.throw(RangeError, '-1 is no');
    expect(bulkhead.reclaim(threadId)).to.equal(true);
    expect(bulkhead.held).to.equal(1);
    finish();
    await own;
    expect(bulkhead.held).to.equal(0);
  });

  for (const [threads, limit, loops] of [
    [2, 1, 5],
    [3, 2, 4],
  ] as const) {
    it(`is shared evenly by ${threads} threads with ${loops} loops each and a limit of ${limit}`, async () => {
      const memory = createRoom(limit, loops);
      const workerData: Looping = { memory, limit, loops, workMs: 1 };
      const workers = Array.from(
        { length: threads },
        () => new Worker(new URL('./standalone-bulkhead-loops.js', import.meta.url), { workerData }),
      );
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      for (const worker of workers) worker.postMessage('begin');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const counts = await Promise.all(
        workers.map(async (worker) => {
          worker.postMessage('end');
          return ((await once(worker, 'message')) as [number])[0];
        }),
      );
      expect(Math.min(...counts), counts.join()).to.be.above(50);
      expect(Math.max(...counts) / Math.min(...counts), counts.join()).to.be.below(1.1);
    });
  }

  it('has one queue for all bulkheads that a thread creates over its memory: waiting calls are admitted in order', async () => {
    const settings = { limit: 1, queue: 3, queueMs: 60_000 };
    const one = createBulkhead(settings);
    const other = createBulkhead({ ...settings, memory: one.memory });
    const done: string[] = [];
    let finish = (): void => undefined;
    const first = one.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const waiting = [other, one, other].map((bulkhead, turn) =>
      bulkhead.run(() => done.push(`turn ${turn}`)),
    );
    expect([one.waiting, other.waiting]).to.deep.equal([3, 3]);
    expect(await codeOf(one.run(() => done.push('one more')))).to.equal('OVERLOADED');
    finish();
    await Promise.all([first, ...waiting]);
    expect(done).to.deep.equal(['turn 0', 'turn 1', 'turn 2']);
    expect(one.held).to.equal(0);
  });

  const createRoom = (limit: number, loops: number): SharedArrayBuffer =>
    createBulkhead({ limit, queue: loops, queueMs: 60_000 }).memory;

  it('refuses bad options, options that differ from those in its memory, and memory of another kind', () => {
    const { memory } = createBulkhead({ limit: 5 });
    expect(() => createBulkhead({ limit: 0 })).to.throw(TypeError, 'createBulkhead: limit');
    expect(() => createBulkhead({ limit: 6, memory })).to.throw(TypeError, 'other options');
    expect(() => createBulkhead({ limit: 5, memory: new SharedArrayBuffer(64) })).to.throw(Error, 'memory');
  });
});
