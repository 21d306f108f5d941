import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { Connections } from '#src/memory/open-connections.js';
import { Surplus, SurplusOrders } from '#src/memory/surplus-cells.js';
import { clearWorker } from '#src/memory/worker-row.js';

describe('the surplus of a worker', () => {
  const taken = (surplus: Surplus, tries: number): number => {
    let count = 0;
    for (let n = 0; n < tries; n++) if (surplus.take()) count++;
    return count;
  };

  it('is closed as often as the primary has ordered, by the worker that got the order', () => {
    const block = Block.create({ workers: 2 });
    const orders = new SurplusOrders(block);
    const [one, two] = [new Surplus(block, 1), new Surplus(Block.attach(block.buffer), 2)];
    expect(taken(one, 10)).to.equal(0);
    orders.order(2, 3);
    expect([taken(one, 10), taken(two, 10)]).to.deep.equal([0, 3]);
    expect([orders.given(1), orders.given(2)]).to.deep.equal([0, 3]);
  });

  it('is that of the last order: an order does not add to the rest of an earlier one', () => {
    const block = Block.create({ workers: 1 });
    const orders = new SurplusOrders(block);
    const surplus = new Surplus(block, 1);
    orders.order(1, 5);
    expect(taken(surplus, 2)).to.equal(2);
    orders.order(1, 4);
    expect(taken(surplus, 10)).to.equal(4);
    orders.order(1, 5);
    orders.order(1, 0);
    expect(taken(surplus, 10)).to.equal(0);
    expect(orders.given(1)).to.equal(6);
  });

  it('is zero while more connections are open than the primary allows, in whichever thread', () => {
    const block = Block.create({ workers: 2 });
    const orders = new SurplusOrders(block);
    const surplus = new Surplus(block, 1);
    const connections = [1, 2].map((slot) => new Connections(block, slot, 10));
    orders.order(1, 5);
    orders.closeUpTo(2);
    for (const slot of connections) slot.enter();
    expect(taken(surplus, 1)).to.equal(1);
    connections[1]!.enter();
    expect(taken(surplus, 1)).to.equal(0);
    connections[0]!.leave();
    expect(taken(surplus, 10)).to.equal(4);
    orders.order(1, 1);
    orders.closeUpTo(-1);
    expect(taken(surplus, 1)).to.equal(0);
  });

  it('is counted correctly when a word wraps around', () => {
    const block = Block.create({ workers: 1 });
    for (const name of ['workerSurplus', 'workerSurplusGiven'] as const) {
      block.words(name, 1)[0] = 2 ** 31 - 2;
    }
    const orders = new SurplusOrders(block);
    const surplus = new Surplus(block, 1);
    expect(taken(surplus, 10)).to.equal(0);
    orders.order(1, 5);
    expect(taken(surplus, 10)).to.equal(5);
    orders.order(1, 1);
    expect(taken(surplus, 10)).to.equal(1);
  });

  it('is zero for the next thread in the slot of a thread that had some left', () => {
    const block = Block.create({ workers: 1 });
    const orders = new SurplusOrders(block);
    orders.order(1, 5);
    expect(taken(new Surplus(block, 1), 2)).to.equal(2);
    clearWorker(block, 1);
    expect(orders.given(1)).to.equal(0);
    expect(taken(new Surplus(block, 1), 10)).to.equal(0);
  });

  it('follows from the connections that a worker has', () => {
    const block = Block.create({ workers: 1 });
    const connections = new Connections(block, 1, 10);
    connections.enter();
    connections.enter();
    connections.leave();
    expect(new SurplusOrders(block).connections(1)).to.equal(1);
  });
});
