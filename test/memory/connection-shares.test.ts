import { expect } from 'chai';
import fc from 'fast-check';
import { addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { ConnectionCensus, ConnectionShares } from '#src/memory/connection-shares.js';
import { Connections, readConnections } from '#src/memory/open-connections.js';

type Step =
  | { readonly do: 'enter' | 'open' | 'close'; readonly worker: number; readonly address: number }
  | { readonly do: 'begin' | 'look' | 'publish' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom('enter', 'open', 'open', 'close'),
      worker: fc.nat(1),
      address: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('begin', 'look', 'publish') }) },
) as fc.Arbitrary<Step>;

describe('the counted connections of a client address', () => {
  it('are never fewer than its open connections, in any order of events', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.boolean(), (steps, areCounted) => {
        const block = Block.create({ workers: 2 });
        const keyOf = addressKeys(block);
        const workers = [1, 2].map((slot) => ({
          shares: new ConnectionShares(block, slot),
          connections: new Connections(block, slot, 1000),
          /** Connections that are admitted and not yet counted for their address. */
          entered: 0,
        }));
        const census = new ConnectionCensus(block);
        const open = [0, 0, 0, 0].map(() => [0, 0]);
        const openOf = (address: number): number => open[address]![0]! + open[address]![1]!;
        let seen: { readonly counts: readonly number[]; readonly all: number } | undefined;
        for (const one of steps) {
          if ('worker' in one) {
            const { worker, address } = one;
            const { connections, shares } = workers[worker]!;
            if (one.do === 'enter') {
              connections.enter();
              workers[worker]!.entered++;
            } else if (one.do === 'open') {
              if (workers[worker]!.entered > 0) workers[worker]!.entered--;
              else connections.enter();
              shares.opened(keyOf(String(address)));
              open[address]![worker]!++;
            } else if (open[address]![worker]! > 0) {
              open[address]![worker]!--;
              connections.leave();
            }
          } else if (one.do === 'begin') {
            census.begin();
            seen = undefined;
          }
          if (one.do === 'begin' || one.do === 'look') {
            seen = { counts: open.map((_, address) => openOf(address)), all: readConnections(block) };
          } else if (one.do === 'publish' && seen !== undefined) {
            if (areCounted) {
              census.publish(seen.counts.map((count, address) => [keyOf(String(address)), count] as const));
            } else census.publishMost(seen.all);
          }
          for (const address of open.keys()) {
            for (const { shares } of workers) {
              expect(shares.of(keyOf(String(address)))).to.be.at.least(openOf(address));
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are those of the last census, and those opened since', () => {
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

  it('are the largest number of the last census, and those opened since, when it published only that number', () => {
    const block = Block.create({ workers: 1 });
    const keyOf = addressKeys(block);
    const worker = new ConnectionShares(block, 1);
    const census = new ConnectionCensus(block);
    for (let n = 0; n < 100; n++) worker.opened(keyOf('a'));
    census.begin();
    worker.opened(keyOf('a'));
    census.publishMost(7);
    expect(['a', 'b'].map((address) => worker.of(keyOf(address)))).to.deep.equal([8, 7]);
  });

  it('are right beyond 2^31 and 2^32 openings', () => {
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
