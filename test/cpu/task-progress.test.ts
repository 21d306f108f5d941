// Values that a task reports while it runs, and the function that gets them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { rejection, TestPool, tell } from './task-kit.js';

describe('the progress of a CPU task', () => {
  let kit: TestPool;

  beforeEach(() => {
    kit = new TestPool(1);
  });

  afterEach(() => kit.close());

  it('reaches the caller while the task runs', async () => {
    const channel = randomUUID();
    const values: unknown[] = [];
    const result = kit.cpu.run('reportThenWait', channel, {
      onProgress: (value) => {
        values.push(value);
        tell(channel);
      },
    });
    expect(await result).to.equal('told');
    expect(values).to.deep.equal([{ at: 'start' }]);
  });

  it('is limited to the latest value, which comes before the result', async () => {
    const values: number[] = [];
    const onProgress = (value: number): void => void values.push(value);
    const last = await kit.cpu.run<number>('reportMany', 10_000, { onProgress });
    expect(values.at(-1)).to.equal(last);
    expect(values[0]).to.equal(1);
    expect(values).to.deep.equal([...values].sort((a, b) => a - b));
    const count = values.length;
    await kit.cpu.run('echo', 1);
    await new Promise(setImmediate);
    expect(values).to.have.length(count);
  });

  it('is sent at most once in 50 ms, however often the task reports', async () => {
    const values: { readonly at: number }[] = [];
    await kit.cpu.run('reportFor', 220, { onProgress: (value) => values.push(value) });
    // The last value is sent at the end, whatever the time.
    const times = values.slice(0, -1).map(({ at }) => at);
    for (let n = 1; n < times.length; n++) expect(times[n]! - times[n - 1]!).to.be.at.least(49);
    expect(values.length).to.be.at.least(2);
  });

  it('does nothing without a function', async () => {
    expect(await kit.cpu.run('reportMany', 100)).to.equal(100);
  });

  it('does not end the task when the function throws or rejects, which is logged', async () => {
    for (const onProgress of [
      () => {
        throw new Error('no screen');
      },
      async () => Promise.reject(new Error('no screen')),
    ]) {
      kit.lines.length = 0;
      expect(await kit.cpu.run('reportMany', 1, { onProgress })).to.equal(1);
      await new Promise(setImmediate);
      expect(kit.lines).to.have.length(1);
      expect(kit.lines[0]).to.include({
        level: 50,
        task: 'reportMany',
        msg: 'onProgress of CPU task reportMany failed; the task continues',
      });
    }
  });

  it('fails the task with a value that cannot be sent', async () => {
    const error = await rejection(kit.cpu.run('reportFunction', null, { onProgress: () => undefined }));
    expect(error.message).to.include('CPU task reportFunction: its progress cannot be sent');
  });

  it('comes in the context of its call', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    await Promise.all(
      ['a', 'b'].map((name) =>
        storage.run(name, () =>
          kit.cpu.run('reportMany', 1, { onProgress: () => seen.push(storage.getStore()) }),
        ),
      ),
    );
    expect(seen).to.deep.equal(['a', 'b']);
  });

  it('ends with an abort', async () => {
    const channel = randomUUID();
    const controller = new AbortController();
    const values: unknown[] = [];
    const result = rejection(
      kit.cpu.run('reportThenWait', channel, {
        signal: controller.signal,
        onProgress: (value) => {
          values.push(value);
          controller.abort();
        },
      }),
    );
    expect(await result).to.equal(controller.signal.reason);
    tell(channel);
    expect(await kit.cpu.run('echo', 1)).to.equal(1);
    expect(values).to.have.length(1);
  });
});
