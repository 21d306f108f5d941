import { expect } from 'chai';
import { Batch } from '#src/saga/batch.js';

interface Flush {
  readonly items: readonly number[];
  succeed(): void;
  fail(error: Error): void;
}

function recorded(limit = 100, isCausedByItem = (): boolean => false) {
  const flushes: Flush[] = [];
  let called = (): void => {};
  const batch = new Batch<number, number>(
    (items) =>
      new Promise((resolve, reject) => {
        flushes.push({ items, succeed: () => resolve(items.map((item) => item * 10)), fail: reject });
        called();
      }),
    { limit, weightLimit: 1_000, weigh: (item) => item, isCausedByItem },
  );
  const nextFlush = async (): Promise<Flush> => {
    if (flushes.length === 0) await new Promise<void>((resolve) => (called = resolve));
    return flushes.shift()!;
  };
  return { batch, nextFlush, flushes };
}

describe('a batch', () => {
  it('sends the items of one turn of the event loop together, and returns each its own result', async () => {
    const { batch, nextFlush } = recorded();
    const results = [1, 2, 3].map((item) => batch.add(item));
    const flush = await nextFlush();
    expect(flush.items).to.deep.equal([1, 2, 3]);
    flush.succeed();
    expect(await Promise.all(results)).to.deep.equal([10, 20, 30]);
  });

  it('gathers items while a batch is being sent, and never sends two at once', async () => {
    const { batch, nextFlush, flushes } = recorded();
    const first = batch.add(1);
    const flush = await nextFlush();
    const later = [2, 3].map((item) => batch.add(item));
    await new Promise(setImmediate);
    expect(flushes).to.have.length(0);
    flush.succeed();
    expect(await first).to.equal(10);
    const second = await nextFlush();
    expect(second.items).to.deep.equal([2, 3]);
    second.succeed();
    expect(await Promise.all(later)).to.deep.equal([20, 30]);
  });

  it('includes items that callers add right after their result', async () => {
    const { batch, nextFlush } = recorded();
    const chains = [1, 2].map(async (item) => batch.add(await batch.add(item)));
    (await nextFlush()).succeed();
    const second = await nextFlush();
    expect(second.items).to.deep.equal([10, 20]);
    second.succeed();
    await Promise.all(chains);
  });

  it('keeps to its limit of items', async () => {
    const { batch, nextFlush } = recorded(2);
    const results = [1, 2, 3].map((item) => batch.add(item));
    const sizes: number[] = [];
    for (let n = 0; n < 2; n++) {
      const flush = await nextFlush();
      sizes.push(flush.items.length);
      flush.succeed();
    }
    await Promise.all(results);
    expect(sizes).to.deep.equal([2, 1]);
  });

  it('sends items together up to the weight limit, and a heavier item alone', async () => {
    const { batch, nextFlush } = recorded();
    const results = [600, 400, 1, 5_000, 1_000].map((item) => batch.add(item));
    const flushed: (readonly number[])[] = [];
    for (let n = 0; n < 4; n++) {
      const flush = await nextFlush();
      flushed.push(flush.items);
      flush.succeed();
    }
    await Promise.all(results);
    expect(flushed).to.deep.equal([[600, 400], [1], [5_000], [1_000]]);
  });

  it('fails all items of a batch when the error may not be caused by one of them, and continues', async () => {
    const { batch, nextFlush } = recorded();
    const results = Promise.allSettled([batch.add(1), batch.add(2)]);
    (await nextFlush()).fail(new Error('connection lost'));
    expect((await results).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    const next = batch.add(3);
    (await nextFlush()).succeed();
    expect(await next).to.equal(30);
  });

  it('tries both halves when one item made the batch fail, and so on, until that item is alone', async () => {
    const { batch, nextFlush } = recorded(100, () => true);
    const results = Promise.allSettled([1, 2, 3, 4, 5].map((item) => batch.add(item)));
    const flushed: (readonly number[])[] = [];
    for (let flushes = 0; flushes < 5; flushes++) {
      const flush = await nextFlush();
      flushed.push(flush.items);
      if (flush.items.includes(2)) flush.fail(new Error('bad value'));
      else flush.succeed();
    }
    expect(flushed).to.deep.equal([[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [1], [2]]);
    while (flushed.length < 7) {
      const flush = await nextFlush();
      flushed.push(flush.items);
      flush.succeed();
    }
    expect(flushed.slice(5)).to.deep.equal([[3], [4, 5]]);
    expect((await results).map(({ status }) => status)).to.deep.equal(
      [1, 2, 3, 4, 5].map((item) => (item === 2 ? 'rejected' : 'fulfilled')),
    );
  });
});
