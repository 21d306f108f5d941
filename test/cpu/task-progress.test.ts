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
    let values = 0;
    const tookMs = await kit.cpu.run<number>('reportFor', 220, { onProgress: () => values++ });
    // The first and the last value are sent whatever the time.
    expect(values).to.be.within(2, Math.floor(tookMs / 50) + 2);
  });

  it('arrives as it was when the task reported it', async () => {
    const rows: number[] = [];
    const onProgress = ({ row }: { readonly row: number }): void => void rows.push(row);
    await kit.cpu.run('reportThenChange', null, { onProgress });
    expect(rows).to.deep.equal([0, 1]);
  });

  it('reaches the caller although its buffer is moved with the result', async () => {
    const seen: number[] = [];
    const onProgress = (bytes: Uint8Array): void => void seen.push(bytes.length);
    const result = await kit.cpu.run<Uint8Array>('reportThenMove', 1_000, { onProgress });
    expect(result.length).to.equal(1_000);
    expect(seen).to.deep.equal([1_000, 1_000]);
    expect(await kit.cpu.run('reportThenMoveMarked', 1_000, { onProgress })).to.have.length(1_000);
    expect(seen).to.deep.equal([1_000, 1_000, 1_000, 1_000]);
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
