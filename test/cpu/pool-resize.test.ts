// The number of threads changes while tasks run and wait.
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { running, TestPool, tell } from './task-kit.js';

describe('a CPU pool whose number of threads changes', () => {
  let kit: TestPool;
  afterEach(() => kit.close());

  const begin = async (): Promise<{ channel: string; result: Promise<unknown> }> => {
    const channel = randomUUID();
    return { channel, ...(await running(channel, () => kit.cpu.run('untilTold', channel))) };
  };

  it('starts waiting tasks when it gets more threads', async () => {
    kit = new TestPool(1);
    const first = await begin();
    const waiting = [randomUUID(), randomUUID()].map((channel) => ({
      channel,
      begun: running(channel, () => kit.cpu.run('untilTold', channel)),
    }));
    await until(
      () => kit.pool.queueLength,
      (length) => length === 2,
    );
    kit.pool.resize(3);
    for (const { channel, begun } of waiting) {
      const { result } = await begun;
      tell(channel);
      expect(await result).to.equal('told');
    }
    expect(kit.pool.threads).to.equal(3);
    tell(first.channel);
    expect(await first.result).to.equal('told');
  });

  it('finishes running tasks when it becomes smaller, and starts no more than it may', async () => {
    kit = new TestPool(3);
    const tasks = [await begin(), await begin(), await begin()];
    kit.pool.resize(1);
    const last = kit.cpu.run('echo', 'last');
    for (const { channel, result } of tasks.slice(0, 2)) {
      tell(channel);
      expect(await result).to.equal('told');
    }
    expect(kit.pool).to.include({ running: 1, queueLength: 1, threads: 1 });
    tell(tasks[2]!.channel);
    expect(await last).to.equal('last');
  });

  it('has more room in its queue with more threads', async () => {
    kit = new TestPool(1);
    const first = await begin();
    const send = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, n) =>
          kit.cpu.run('echo', n).catch(({ code }: { readonly code: string }) => code),
        ),
      );
    const before = send(65);
    await until(
      () => kit.pool.refused.queue,
      (refused) => refused === 1,
    );
    expect(kit.pool.queueLength).to.equal(64);
    kit.pool.resize(2);
    expect((await before).filter((one) => one === 'CPU_QUEUE_FULL')).to.have.length(1);
    const second = await begin();
    const after = send(128);
    tell(first.channel);
    tell(second.channel);
    expect((await after).filter((one) => one === 'CPU_QUEUE_FULL')).to.deep.equal([]);
    await Promise.all([first.result, second.result]);
  });
});
