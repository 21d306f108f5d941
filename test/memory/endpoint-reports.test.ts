// What endpoints report of their load, and how often they fail, in the cells that all threads share.
import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { AGES_MS, DAY_MS } from './ages.js';

function setUp() {
  const time = { now: 0 };
  const block = Block.create({ workers: 2 });
  return { time, of: (worker: number) => new EndpointCells(block, worker, () => time.now) };
}

describe('reports of endpoints', () => {
  it('are read by all threads, and valid for a second', () => {
    const { time, of } = setUp();
    const [writer, reader] = [of(1), of(2)];
    expect([reader.hasReported(7), reader.look(7, 0).others, reader.look(7, 0).latency]).to.deep.equal([
      false,
      -1,
      0,
    ]);
    writer.report(7, 12, 6_400);
    expect([reader.hasReported(7), reader.look(7, 0).others]).to.deep.equal([true, 12]);
    expect(reader.look(7, 0).latency).to.equal(6_400);
    time.now = 1_000;
    expect(reader.look(7, time.now).others).to.equal(12);
    time.now = 1_001;
    expect([reader.look(7, time.now).others, reader.look(7, time.now).latency]).to.deep.equal([-1, 0]);
    expect(reader.hasReported(7)).to.equal(true);
  });

  it('tell of the calls of other processes: those of this process are counted here', () => {
    const { of } = setUp();
    for (let n = 0; n < 5; n++) of(1 + (n % 2)).begin(3);
    of(1).report(3, 12, 0);
    expect(of(2).look(3, 0).others).to.equal(7);
    of(1).report(3, 2, 0);
    expect(of(2).look(3, 0).others).to.equal(0);
  });

  it('are cut to what fits, and latency is kept in steps of 64 us', () => {
    const { of } = setUp();
    const cells = of(1);
    const number = fc.integer({ min: 0, max: 999_999_999 });
    fc.assert(
      fc.property(number, number, (inFlight, microseconds) => {
        cells.report(5, inFlight, microseconds);
        expect(cells.look(5, 0).others).to.equal(Math.min(inFlight, 16_383));
        const latency = Math.min(Math.max(microseconds, 64), 262_143 * 64);
        expect(cells.look(5, 0).latency).to.be.within(latency - 32, latency + 32);
        expect([cells.look(4, 0).others, cells.look(6, 0).others]).to.deep.equal([-1, -1]);
      }),
    );
  });

  it('are forgotten for another endpoint in the slot', () => {
    const { of } = setUp();
    of(1).report(7, 12, 6_400);
    for (let n = 0; n < 9; n++) of(1).failed(7);
    of(0).reset(7);
    expect([of(1).hasReported(7), of(1).look(7, 0).others, of(1).look(7, 0).isFailing]).to.deep.equal([
      false,
      -1,
      false,
    ]);
  });

  it('are recent at every age of the process, and not a minute later', () => {
    const { time, of } = setUp();
    for (const age of AGES_MS) {
      time.now = age;
      of(1).report(7, 3, 1_000);
      expect(of(2).look(7, age + 500).others).to.equal(3);
      expect(of(2).look(7, age + 60_000).others).to.equal(-1);
      expect(of(2).look(7, age + DAY_MS).others).to.equal(-1);
    }
  });
});

describe('failures of endpoints', () => {
  it('make it failing from two in a row, or a fifth of the calls on', () => {
    const { of } = setUp();
    const [first, second] = [of(1), of(2)];
    first.failed(7);
    expect(second.look(7, 0).isFailing).to.equal(false);
    second.failed(7);
    expect(first.look(7, 0).isFailing).to.equal(true);
    for (let n = 0; n < 40; n++) first.observe(7, 1_000);
    expect(first.look(7, 0).isFailing).to.equal(false);
    let failing = 0;
    for (let n = 0; n < 1_000; n++) {
      if (n % 3 === 0) first.failed(7);
      else first.observe(7, 1_000);
      if (first.look(7, 0).isFailing) failing++;
    }
    expect(failing).to.be.greaterThan(950);
  });

  it('stay when the clock of the thread that has counted the last one is slightly ahead', () => {
    const { time, of } = setUp();
    time.now = 512;
    for (let n = 0; n < 3; n++) of(1).failed(7);
    time.now = 511.9;
    expect(of(2).look(7, time.now).isFailing).to.equal(true);
    of(2).observe(7, 1_000);
    expect(of(2).look(7, time.now).isFailing).to.equal(true);
  });

  it('are forgotten with time, at every age of the process', () => {
    const { time, of } = setUp();
    for (const age of AGES_MS) {
      time.now = age;
      for (let n = 0; n < 60; n++) of(1).failed(7);
      expect(of(2).look(7, age).isFailing).to.equal(true);
      expect(of(2).look(7, age + 10_000).isFailing).to.equal(true);
      expect(of(2).look(7, age + 30_000).isFailing).to.equal(false);
      expect(of(2).look(7, age + DAY_MS).isFailing).to.equal(false);
    }
  });
});

describe('the smoothed latency', () => {
  it('follows a sample the more closely the longer there was none', () => {
    const { time, of } = setUp();
    const cells = of(1);
    cells.observe(7, 80_000);
    time.now = 10_000;
    cells.observe(7, 1_000);
    expect(cells.smoothedLatency(7)).to.equal(40_500);
    time.now = 70_000;
    cells.observe(7, 1_000);
    expect(cells.smoothedLatency(7)).to.be.below(2_000);
  });
});
