// What a task leaves in its thread, or sends from there, harms neither the process nor another task.
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { FIXTURE, rejection, TestPool, trace } from './task-kit.js';

describe('a CPU task in a thread that others use after it', () => {
  let kit: TestPool;

  afterEach(() => kit.close());

  it('cannot end the process by messages on the port of its thread', async () => {
    kit = new TestPool(1);
    expect(await kit.cpu.run<number>('postNull', null)).to.be.above(0);
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
    expect(kit.lines).to.deep.equal([]);
  });

  it('does not end the next task by a process.exit() that it has left behind', async () => {
    kit = new TestPool(1);
    const thread = await kit.cpu.run('thread', null);
    await kit.cpu.run('exitLater', null);
    const values = Array.from({ length: 20 }, (_, n) => kit.cpu.run('reportFor', n));
    await Promise.all(values);
    expect(await kit.cpu.run('thread', null)).to.equal(thread);
    const [line] = await until(
      () => kit.lines,
      (lines) => lines.length > 0,
    );
    expect(JSON.stringify(line)).to.include('has called process.exit()');
    expect(line).to.include({ service: 'demo', task: 'exitLater', trace_id: trace.traceId });
  });

  for (const task of ['exitOnUncaught', 'removeHandlers'] as const) {
    it(`is not harmed by handlers: ${task}`, async () => {
      kit = new TestPool(1);
      const thread = await kit.cpu.run<number>(task, null);
      for (let n = 0; n < 20; n++) expect(await kit.cpu.run('reportFor', n % 3)).to.not.equal(undefined);
      expect(await kit.cpu.run('thread', null)).to.equal(thread);
      const messages = (): string[] => kit.lines.map(({ err }) => (err as Error).message);
      await until(messages, (lines) => lines.includes('an exception that was left behind'));
    });
  }

  it('that has ended the thread of a task before it began leaves that one undone, and says so', async () => {
    kit = new TestPool(1);
    await kit.cpu.run('leaveEnd', 400);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await rejection(kit.cpu.run('echo', 1))).to.include({ code: 'OVERLOADED' });
    expect(kit.lines.at(-1)?.msg).to.include('CPU task echo could not begin');
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
  });

  it('ends its thread by process.exit(), also with a listener that fails', async () => {
    kit = new TestPool(1);
    await rejection(kit.cpu.run('exitWithListener', null));
    for (let n = 0; n < 5; n++) expect(await kit.cpu.run('reportFor', 5)).to.not.equal(undefined);
  });

  it('is told of each exception in a microtask', async () => {
    kit = new TestPool(1);
    for (let n = 0; n < 3; n++) await kit.cpu.run('leaveMicrotask', n);
    const messages = (): string => kit.lines.map(({ err }) => (err as Error).message).join();
    expect(await until(messages, (all) => all.includes('microtask 2'))).to.equal(
      'microtask 0,microtask 1,microtask 2',
    );
  });

  it('fails with its reason when its stack cannot be read', async () => {
    kit = new TestPool(1);
    expect((await rejection(kit.cpu.run('throwWithoutStack', null))).message).to.include('the true reason');
  });

  it('is named as the reason when its end was that of the thread', async () => {
    kit = new TestPool(1);
    await kit.cpu.run('endLater', null);
    const { message } = await rejection(kit.cpu.run('waitOn', 10_000));
    const why = 'by what CPU task endLater had left behind in it when it ended';
    expect(message).to.equal(`the thread of CPU task waitOn ended: ${why}`);
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
  });

  for (const [name, failing] of [
    ['hrtime', 0],
    ['structuredClone', 0],
    ['Map', 1],
    ['Atomics', 1],
  ] as const) {
    it(`fails at most once for what another has changed: ${name}`, async () => {
      kit = new TestPool(1);
      const thread = await kit.cpu.run('change', name);
      const other = kit.worker().tasks('other', FIXTURE);
      let failed = 0;
      for (let n = 0; n < 10; n++) {
        const bytes = await other.run('bytes', n).catch(() => undefined);
        if (bytes === undefined) failed++;
        else expect(bytes).to.deep.equal(new Uint8Array(n).fill(7));
      }
      expect(failed).to.equal(failing);
      if (failing > 0) {
        expect(await other.run('thread', null)).not.to.equal(thread);
        expect(kit.lines.length).to.be.above(0);
      }
    });
  }

  it('cannot flood the log', async () => {
    kit = new TestPool(1);
    await kit.cpu.run('postLeftovers', 5_000);
    await kit.cpu.run('echo', 1);
    await until(
      () => kit.lines.length,
      (lines) => lines >= 100,
    );
    await new Promise(setImmediate);
    expect(kit.lines.length).to.be.at.most(500);
  });

  it('does not fail for the garbage and the heap that tasks before it have left', async () => {
    const heapMb = 64;
    kit = new TestPool(1, { heapMb });
    for (let n = 0; n < 5; n++) {
      expect(await kit.cpu.run('keepMb', heapMb * 2)).to.equal(heapMb * 2);
      await kit.cpu.run('burn', 250);
    }
    expect(kit.lines).to.deep.equal([]);
  }).timeout(30_000);

  it('does not fail when several threads collect their garbage at the same time', async () => {
    kit = new TestPool(4, { heapMb: 8 });
    const tasks = Array.from({ length: 100 }, () => kit.cpu.run('keepMb', 10));
    expect(await Promise.all(tasks)).to.deep.equal(Array(100).fill(10));
    expect(kit.lines).to.deep.equal([]);
  }).timeout(30_000);

  it('gets another thread when a task before it keeps too much heap, and no task is lost', async () => {
    const heapMb = 64;
    kit = new TestPool(1, { heapMb });
    const small = await kit.cpu.run<number>('cacheMb', 1);
    expect(await kit.cpu.run('cacheMb', 1)).to.equal(small);
    const [large, ...others] = await Promise.all([
      kit.cpu.run<number>('cacheMb', heapMb + 10),
      ...Array.from({ length: 5 }, () => kit.cpu.run<number>('thread', null)),
    ]);
    expect(large).to.equal(small);
    expect(new Set(others).size).to.equal(1);
    expect(others[0]).to.not.equal(small);
    expect(kit.lines.map(({ msg }) => msg)).to.deep.equal([
      `CPU task cacheMb was the last one of CPU thread ${small}: its tasks have left more than 64 MiB in its heap; replacing the thread`,
    ]);
    expect(kit.pool).to.include({ running: 0, queueLength: 0 });
  }).timeout(30_000);
});

describe('a refused call of cpu.run', () => {
  it('leaves the buffers that it would have moved', async () => {
    const kit = new TestPool(1);
    try {
      const { echo } = await import('./task-fixture.js');
      const buffer = new ArrayBuffer(8);
      const transfer = [buffer];
      const signal = AbortSignal.abort();
      await rejection(kit.cpu.run('echo', buffer, { transfer, signal }));
      await rejection(kit.cpu.run(echo, buffer, { transfer, signal }));
      await kit.cpu.run(echo, 1);
      await rejection(kit.cpu.run(() => 1, undefined as never, { transfer }));
      expect(buffer.byteLength).to.equal(8);
    } finally {
      await kit.close();
    }
  });
});

describe('the signal of CPU tasks', () => {
  it('does not warn of a leak when many tasks share one signal', async () => {
    const kit = new TestPool(1);
    const warnings: string[] = [];
    const warned = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', warned);
    try {
      const { signal } = new AbortController();
      await Promise.all(Array.from({ length: 30 }, (_, n) => kit.cpu.run('echo', n, { signal })));
      await new Promise(setImmediate);
      expect(warnings).to.deep.equal([]);
    } finally {
      process.off('warning', warned);
      await kit.close();
    }
  });
});
