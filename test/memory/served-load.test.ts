import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { SERVED } from '#src/memory/layout.js';
import { reclaimServed, ServedLoads } from '#src/memory/served-load.js';

function setUp() {
  const time = { now: 0 };
  const block = Block.create({ workers: 2 });
  return { time, block, of: (slot: number) => new ServedLoads(block, slot, () => time.now) };
}

describe('the load of a served service', () => {
  it('is the sum of the requests in all threads, or those of one thread that has a port of its own', () => {
    const { of } = setUp();
    const [first, second] = [of(1), of(2)];
    for (const by of ['process', 'thread'] as const) {
      first.of('orders', by).enter();
      first.of('orders', by).enter();
      second.of('orders', by).enter();
    }
    expect(first.of('orders', 'process').report(0)).to.equal('3;us=0');
    expect(first.of('orders', 'process').report(1)).to.equal('2;us=0');
    expect(first.of('orders', 'thread').report(0)).to.equal('2;us=0');
    expect(first.of('users', 'process').report(0)).to.equal('0;us=0');
    first.of('orders', 'process').leave();
    expect(second.of('orders', 'process').report(1)).to.equal('1;us=0');
  });

  it('has the smoothed time of its requests in the thread that responds', () => {
    const { time, of } = setUp();
    const load = of(1).of('orders', 'process');
    load.took(8_000);
    load.took(16_000);
    expect(load.report(0)).to.equal('0;us=8500');
    time.now = 60_000;
    load.took(1_000);
    expect(Number(load.report(0).split('=')[1])).to.be.below(1_200);
    expect(of(2).of('orders', 'process').report(0)).to.equal('0;us=0');
  });

  it('does not keep the requests of a thread that was lost', () => {
    const { block, of } = setUp();
    of(1).of('orders', 'process').enter();
    of(2).of('orders', 'process').enter();
    reclaimServed(block, 1);
    expect(of(2).of('orders', 'process').report(0)).to.equal('1;us=0');
  });

  it('is counted together for services that find no row', () => {
    const { of } = setUp();
    const loads = of(1);
    for (let n = 0; n < SERVED; n++) loads.of(`s${n}`, 'process').enter();
    loads.of('one-more', 'process').enter();
    loads.of('another', 'process').enter();
    expect(loads.of('one-more', 'process').report(0)).to.equal('2;us=0');
    expect(loads.of('s0', 'process').report(0)).to.equal('1;us=0');
  });
});
