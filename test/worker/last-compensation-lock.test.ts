import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BulkheadCells, reclaimBulkheads } from '#src/memory/bulkhead-cells.js';
import { BULKHEADS } from '#src/memory/layout.js';
import { lastCompensationLock } from '#src/worker/last-compensation-lock.js';

describe('the lock of the saga whose compensation is at its last attempt', () => {
  it('is one for all workers, and is released when the worker that holds it is lost', () => {
    const block = Block.create({ workers: 2 });
    const [one, other] = [lastCompensationLock(block, 1), lastCompensationLock(block, 2)];
    expect([one.tryAcquire(), other.tryAcquire(), one.tryAcquire()]).to.deep.equal([true, false, false]);
    one.release();
    expect([other.tryAcquire(), one.tryAcquire()]).to.deep.equal([true, false]);
    reclaimBulkheads(block, 2);
    expect(one.tryAcquire()).to.equal(true);
  });

  it('is one for each worker when services have taken all rows of the bulkheads', () => {
    const block = Block.create({ workers: 2 });
    const cells = new BulkheadCells(block, 0);
    for (let row = 0; row < BULKHEADS; row++) cells.of(`bulkhead ${row}`);
    const [one, other] = [lastCompensationLock(block, 1), lastCompensationLock(block, 2)];
    expect([one.tryAcquire(), one.tryAcquire(), other.tryAcquire()]).to.deep.equal([true, false, true]);
    one.release();
    expect(one.tryAcquire()).to.equal(true);
  });

  it('takes no row of the bulkheads before it is needed', () => {
    const block = Block.create({ workers: 1 });
    const turn = lastCompensationLock(block, 1);
    expect(new BulkheadCells(block, 0).usage()).to.deep.equal([]);
    turn.tryAcquire();
    expect(new BulkheadCells(block, 0).usage()).to.have.length(1);
  });
});
