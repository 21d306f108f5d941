import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { Connections, reclaimConnections } from '#src/memory/open-connections.js';
import { clearWorker, readWorker } from '#src/memory/worker-row.js';

describe('open connections', () => {
  it('are bounded over all workers together', () => {
    const block = Block.create({ workers: 2 });
    const [one, two] = [new Connections(block, 1, 3), new Connections(Block.attach(block.buffer), 2, 3)];
    expect([one.enter(), two.enter(), one.enter(), two.enter()]).to.deep.equal([true, true, true, false]);
    expect([1, 2].map((slot) => readWorker(block, slot).connections)).to.deep.equal([2, 1]);
    one.leave();
    expect(two.enter()).to.equal(true);
    expect(one.enter()).to.equal(false);
  });

  it('that a lost worker held are released', () => {
    const block = Block.create({ workers: 2 });
    const [lost, other] = [new Connections(block, 1, 3), new Connections(block, 2, 3)];
    lost.enter();
    lost.enter();
    other.enter();
    reclaimConnections(block, 1);
    clearWorker(block, 1);
    expect(readWorker(block, 1).connections).to.equal(0);
    expect([other.enter(), other.enter(), other.enter()]).to.deep.equal([true, true, false]);
  });
});
