import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BulkheadCells, reclaimBulkheads } from '#src/memory/bulkhead-cells.js';
import { BULKHEADS, NAME_BYTES } from '#src/memory/layout.js';
import { checkedBulkheadOptions } from '#src/resilience/bulkhead-options.js';
import type { Crowding } from './bulkhead-crowd.js';
import { cutInTwo, meanwhileAt } from './stepped-atomics.js';

const THREADS = 4;

describe('bulkhead cells', () => {
  it('bound all calls of one name over all threads, whichever thread names it first', () => {
    const block = Block.create({ workers: 2 });
    const [one, two] = [new BulkheadCells(block, 1), new BulkheadCells(Block.attach(block.buffer), 2)];
    const [mine, theirs, other] = [one.of('a'), two.of('a'), two.of('b')];
    expect([mine.enter(2), theirs.enter(2), mine.enter(2)]).to.deep.equal([true, true, false]);
    expect(other.enter(1)).to.equal(true);
    mine.leave();
    expect(theirs.enter(2)).to.equal(true);
    const usage = [
      { name: 'a', held: 2, terms: undefined },
      { name: 'b', held: 1, terms: undefined },
    ];
    expect(one.usage()).to.have.deep.members(usage);
  });

  it('release the permits of a lost thread, and none of other threads', () => {
    const block = Block.create({ workers: 2 });
    const [one, two] = [new BulkheadCells(block, 1), new BulkheadCells(block, 2)];
    for (const name of ['a', 'b']) {
      one.of(name).enter(9);
      one.of(name).enter(9);
      two.of(name).enter(9);
    }
    reclaimBulkheads(block, 1);
    reclaimBulkheads(block, 1);
    expect([two.of('a').held, two.of('b').held]).to.deep.equal([1, 1]);
  });

  it('release the permit of a thread that was killed in the middle of an operation to the thread that is refused', () => {
    const block = Block.create({ workers: 4 });
    const [dead, one, two, three] = [1, 2, 3, 4].map((slot) => new BulkheadCells(block, slot).of('a'));
    one!.enter(3);
    cutInTwo(
      () => dead!.enter(3),
      () => one!.held === 2,
    );
    // No census succeeds while another thread is stopped in the middle of an operation.
    meanwhileAt(
      3,
      () => reclaimBulkheads(block, 1),
      () => two!.enter(3),
    );
    expect(three!.held).to.equal(3);
    expect(three!.enter(3)).to.equal(true);
    expect([three!.held, three!.enter(3)]).to.deep.equal([3, false]);
  });

  it('pass the permits of a lost thread to a waiter in another thread', async () => {
    const block = Block.create({ workers: 2 });
    const [lost, waiting] = [1, 2].map((slot) => new BulkheadCells(block, slot).of('a'));
    lost!.enter(1);
    waiting!.line.publish(waiting!.line.now(), 1);
    const rung = waiting!.line.rung();
    reclaimBulkheads(block, 1);
    await rung;
    expect(waiting!.enter(1)).to.equal(true);
  });

  it('do not delay other threads for a waiting thread that is stalled, which is first again when it continues', () => {
    const block = Block.create({ workers: 2 });
    const { queueMs } = checkedBulkheadOptions('', { limit: 1 });
    let now = 1_000;
    const [stalled, other] = [1, 2].map((slot) => new BulkheadCells(block, slot, () => now).of('a').line);
    const since = now;
    stalled!.publish(since, 1);
    const mine = ++now;
    for (; now <= since + 10; now++) expect(other!.ahead(mine), `at ${now}`).to.equal(1);
    now = since + queueMs / 2;
    expect(other!.ahead(mine), 'after half of the default queueMs').to.equal(0);
    stalled!.publish(since, 1);
    expect([other!.ahead(mine), stalled!.ahead(since)]).to.deep.equal([1, 0]);
  });

  it('refuse a name when no row is left, and report it', () => {
    const cells = new BulkheadCells(Block.create({ workers: 1 }), 1);
    for (let n = 0; n < BULKHEADS; n++) cells.of(`name ${n}`);
    expect(cells.of('name 7').enter(1)).to.equal(true);
    expect(cells.usage().filter(({ held }) => held > 0)).to.deep.equal([
      { name: 'name 7', held: 1, terms: undefined },
    ]);
    expect(() => cells.of('one more')).to.throw(RangeError);
    for (const name of ['', 'é'.repeat(NAME_BYTES / 2 + 1)]) {
      expect(() => new BulkheadCells(Block.create({ workers: 1 }), 1).of(name)).to.throw(RangeError);
    }
  });

  it('are never held by more than the limit at once under four threads, and end at none', async () => {
    const block = Block.create({ workers: THREADS });
    const seen = new SharedArrayBuffer(12);
    await Promise.all(
      Array.from({ length: THREADS }, async (_, index) => {
        const workerData: Crowding = {
          memory: block.buffer,
          slot: index + 1,
          seen,
          threads: THREADS,
          limit: 3,
        };
        await once(new Worker(new URL('./bulkhead-crowd.js', import.meta.url), { workerData }), 'exit');
      }),
    );
    const [, inside, most] = new Int32Array(seen);
    expect(inside).to.equal(0);
    expect(most).to.be.within(1, 3);
    expect(new BulkheadCells(block, 0).of('crowd').held).to.equal(0);
  });
});
