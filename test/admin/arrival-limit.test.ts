import { expect } from 'chai';
import fc from 'fast-check';
import { mostArrivals } from '#src/admin/arrival-limit.js';

describe('connections of the admin plane that may wait for their header', () => {
  const facts = fc.record({
    connections: fc.nat(1_100_000),
    openFiles: fc.integer({ min: 256, max: 1_048_576 }),
    memoryBytes: fc.integer({ min: 64, max: 2 ** 20 }).map((mib) => mib * 1024 * 1024),
    workers: fc.integer({ min: 1, max: 256 }),
  });

  it('leave half of the free files to the data plane, and are never less than 64', () => {
    fc.assert(
      fc.property(facts, (one) => {
        const most = mostArrivals(one);
        const left = one.openFiles - 128 - 16 * one.workers - one.connections;
        expect(most).to.be.within(64, 16_384);
        expect(most).to.be.at.most(Math.max(64, left / 2, 0));
        expect(most * 64 * 1024).to.be.at.most(Math.max(one.memoryBytes, 64 * 64 * 1024));
      }),
    );
  });

  it('may be ten thousand where the open files and the memory allow it', () => {
    const usual = { connections: 0, openFiles: 1_048_576, memoryBytes: 1024 ** 3, workers: 4 };
    expect(mostArrivals(usual)).to.equal(16_384);
    expect(mostArrivals({ ...usual, memoryBytes: 640 * 1024 ** 2 })).to.be.at.least(10_000);
    expect(mostArrivals({ ...usual, openFiles: 1024, connections: 800 })).to.equal(64);
  });
});
