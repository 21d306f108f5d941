import { expect } from 'chai';
import fc from 'fast-check';
import { addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { ConnectionCensus, ConnectionShares } from '#src/memory/connection-shares.js';

type Step =
  | { readonly do: 'open' | 'close'; readonly worker: number; readonly address: number }
  | { readonly do: 'begin' | 'publish' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('open'), worker: fc.nat(1), address: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('close'), worker: fc.nat(1), address: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('begin', 'publish') }) },
) as fc.Arbitrary<Step>;

describe('the connections of an address', () => {
  it('are never fewer than it has open once they have been counted, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const block = Block.create({ workers: 2 });
        const keyOf = addressKeys(block);
        const workers = [new ConnectionShares(block, 1), new ConnectionShares(block, 2)];
        const census = new ConnectionCensus(block);
        const open = [0, 0, 0, 0];
        /** What the kernel's table holds at some moment after `begin`: here, at once. */
        let seen: number[] | undefined;
        census.begin();
        census.publish([]);
        for (const one of steps) {
          if (one.do === 'open') {
            open[one.address]!++;
            workers[one.worker]!.opened(keyOf(String(one.address)));
          } else if (one.do === 'close') {
            open[one.address] = Math.max(0, open[one.address]! - 1);
          } else if (one.do === 'begin') {
            census.begin();
            seen = [...open];
          } else if (seen !== undefined) {
            census.publish(seen.map((count, address) => [keyOf(String(address)), count] as const));
            seen = undefined;
          }
          for (const [address, count] of open.entries()) {
            for (const worker of workers) expect(worker.of(keyOf(String(address)))).to.be.at.least(count);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are what was counted, and what has opened since', () => {
    const block = Block.create({ workers: 2 });
    const keyOf = addressKeys(block);
    const [one, two] = [new ConnectionShares(block, 1), new ConnectionShares(block, 2)];
    const census = new ConnectionCensus(block);
    for (let n = 0; n < 100; n++) one.opened(keyOf('a'));
    census.begin();
    two.opened(keyOf('a'));
    census.publish([
      [keyOf('a'), 7],
      [keyOf('b'), 3],
    ]);
    expect(['a', 'b', 'c'].map((address) => one.of(keyOf(address)))).to.deep.equal([8, 3, 0]);
    census.begin();
    census.publish([]);
    expect(one.of(keyOf('a'))).to.equal(0);
  });

  it('are right beyond 2^31 openings, and 2^32', () => {
    const block = Block.create({ workers: 1 });
    const key = addressKeys(block)('a');
    const worker = new ConnectionShares(block, 1);
    const census = new ConnectionCensus(block);
    const cells = block.words('workerAddressHeld', 1);
    for (const before of [2 ** 31 - 3, -3]) {
      cells.fill(before);
      census.begin();
      census.publish([[key, 5]]);
      for (let n = 0; n < 10; n++) worker.opened(key);
      expect(worker.of(key)).to.equal(15);
    }
  });
});
