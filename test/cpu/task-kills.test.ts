// Tasks that have to be ended: by the kill of their thread, in any number, without harm to other tasks.
import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import type { TaskObserver } from '#src/cpu/pool-options.js';
import { HttpError } from '#src/errors.js';
import { until } from '#test/support/until.js';
import { FIXTURE, type PoolOptions, rejection, running, TestPool } from './task-kit.js';

/** Counts the ends of threads by reason, and those of tasks by outcome. */
class Counts implements TaskObserver {
  readonly ends: Record<string, number> = {};
  readonly outcomes: Record<string, number> = {};

  waited(): void {}

  used(_service: string, task: string | undefined, outcome: string): void {
    const key = `${task} ${outcome}`;
    this.outcomes[key] = (this.outcomes[key] ?? 0) + 1;
  }

  threadEnded(reason: string): void {
    this.ends[reason] = (this.ends[reason] ?? 0) + 1;
  }
}

describe('a CPU task that has to be ended', () => {
  let kit: TestPool;
  let counts: Counts;

  const start = (threads: number, heap: Pick<PoolOptions, 'heapMb' | 'v8HeapMb'> = {}): void => {
    counts = new Counts();
    kit = new TestPool(threads, { maxQueue: 10_000, observer: counts, ...heap });
  };

  afterEach(() => kit.close());

  /** Begins an endless task, and aborts it when it runs. */
  async function kill(): Promise<void> {
    const channel = randomUUID();
    const controller = new AbortController();
    const { signal } = controller;
    const { result } = await running(channel, () => rejection(kit.cpu.run('spin', channel, { signal })));
    controller.abort();
    expect(await result).to.equal(signal.reason);
  }

  it('is killed without the loss of any of the tasks that run and wait beside it', async () => {
    start(4);
    const innocent = Array.from({ length: 400 }, (_, n) => kit.cpu.run('sum', n));
    for (let n = 0; n < 5; n++) await Promise.all([kill(), kill(), kill()]);
    const later = Array.from({ length: 100 }, (_, n) => kit.cpu.run('sum', n));
    await kill();
    expect(await Promise.all(innocent)).to.deep.equal(Array.from({ length: 400 }, (_, n) => n));
    expect(await Promise.all(later)).to.deep.equal(Array.from({ length: 100 }, (_, n) => n));
    // The thread of the last one is ended after its caller has got the reason.
    await until(
      () => counts.ends.cancelled,
      (ends) => ends === 16,
    );
    expect(counts.ends).to.deep.equal({ cancelled: 16 });
    expect(counts.outcomes).to.deep.equal({ 'sum ok': 500, 'spin cancelled': 16 });
  }).timeout(60_000);

  const heaps: Record<string, Pick<PoolOptions, 'heapMb' | 'v8HeapMb'>> = Object.fromEntries(
    [32, 70, 100, 150].map((v8HeapMb) => [`V8, ${v8HeapMb} MiB`, { v8HeapMb }]),
  );
  // Since Node.js 22.16.
  if ('getHeapStatistics' in Worker.prototype) heaps['the pool'] = { heapMb: 64 };
  for (const [whose, heap] of Object.entries(heaps)) {
    it(`fails with its name when its heap exceeds the limit of ${whose}, and no other task is lost`, async () => {
      start(2, heap);
      const innocent = Array.from({ length: 50 }, (_, n) => kit.cpu.run('sum', n));
      const hungry = await Promise.all([1, 2, 3].map((n) => rejection(kit.cpu.run('hoard', n))));
      for (const error of hungry) {
        expect(error).to.not.be.instanceOf(HttpError);
        expect(error.message).to.match(/^CPU task hoard ran out of memory: .*WORKER_HEAP_MB$/);
      }
      expect(await Promise.all(innocent)).to.deep.equal(Array.from({ length: 50 }, (_, n) => n));
      expect(await kit.cpu.run('echo', 1)).to.equal(1);
      expect((await rejection(kit.cpu.run('exit', null))).message).to.include(
        'the thread of CPU task exit ended',
      );
      expect(counts.ends).to.deep.equal({ out_of_memory: 3, crash: 1 });
      expect(counts.outcomes['hoard out_of_memory']).to.equal(3);
    }).timeout(60_000);
  }

  it('counts a task that the module does not export under no name', async () => {
    start(1);
    await rejection(kit.cpu.run('nothing', null));
    await rejection(kit.cpu.run('exit', null));
    expect(counts.outcomes).to.deep.equal({ 'undefined error': 1, 'exit crash': 1 });
    expect(counts.ends).to.deep.equal({ crash: 1 });
  });

  it('leaves nothing behind when 1,000 tasks are cancelled, waiting or running', async () => {
    start(2);
    const hold = randomUUID();
    const { result } = await running(hold, () => kit.cpu.run('untilTold', hold));
    const worker = kit.worker().tasks('other', FIXTURE);
    const cancelSome = async (count: number): Promise<void> => {
      const controllers = Array.from({ length: count }, () => new AbortController());
      const results = controllers.map(({ signal }, n) =>
        rejection(
          worker.run(n % 50 === 0 ? 'spin' : 'echo', n % 50 === 0 ? randomUUID() : n, {
            signal,
            onProgress: () => undefined,
            transfer: [],
          }),
        ).catch(() => undefined),
      );
      await new Promise(setImmediate);
      for (const controller of controllers) controller.abort();
      await Promise.all(results);
      await until(
        () => kit.pool.running + kit.pool.queueLength,
        (tasks) => tasks === 1,
      );
    };
    await cancelSome(100);
    const before = handles();
    await cancelSome(1_000);
    expect(kit.pool).to.include({ queueLength: 0, running: 1 });
    expect(kit.pool.services).to.equal(1);
    expect(await until(handles, (now) => now <= before)).to.be.at.most(before);
    const mouth = new BroadcastChannel(hold);
    mouth.postMessage('go on');
    mouth.close();
    expect(await result).to.equal('told');
    expect(kit.pool).to.include({ queueLength: 0, running: 0, services: 0 });
  }).timeout(120_000);
});

/** The ports and timers that this process has open. */
const handles = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort' || kind === 'Timeout').length;
