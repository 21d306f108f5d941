import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { InFlight, reclaimInFlight } from '#src/memory/in-flight.js';
import { clearWorker, readWorker, WorkerRow } from '#src/memory/worker-row.js';

describe('requests in flight', () => {
  it('are bounded over all workers together', () => {
    const block = Block.create({ workers: 2 });
    const [one, two] = [new InFlight(block, 3), new InFlight(Block.attach(block.buffer), 3)];
    expect([one.enter(), two.enter(), one.enter(), two.enter()]).to.deep.equal([true, true, true, false]);
    one.leave();
    expect(two.enter()).to.equal(true);
    expect(one.current).to.equal(3);
  });

  it('that a lost worker held are given back, and its totals stay', () => {
    const block = Block.create({ workers: 2 });
    const inFlight = new InFlight(block, 10);
    const row = new WorkerRow(block, 1);
    for (let n = 1; n <= 4; n++) {
      inFlight.enter();
      row.began(n);
    }
    inFlight.leave();
    row.ended(3, true);
    reclaimInFlight(block, 1);
    clearWorker(block, 1);
    expect(inFlight.current).to.equal(0);
    expect(readWorker(block, 1)).to.include({ inFlight: 0, requests: 1, errors: 1 });
  });
});
