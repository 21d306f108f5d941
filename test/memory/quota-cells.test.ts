import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import fc from 'fast-check';
import { AddressCells, addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { QUOTAS } from '#src/memory/layout.js';
import { QuotaCells, reclaimQuotas } from '#src/memory/quota-cells.js';
import type { QuotaCrowd } from './quota-crowd.js';

const THREADS = 4;

async function crowd(cells: QuotaCrowd['cells'], most: number): Promise<Int32Array> {
  const block = Block.create({ workers: THREADS });
  const seen = new SharedArrayBuffer(16);
  await Promise.all(
    Array.from({ length: THREADS }, async (_, index) => {
      const workerData: QuotaCrowd = {
        memory: block.buffer,
        slot: index + 1,
        seen,
        threads: THREADS,
        most,
        cells,
      };
      const [code] = await once(
        new Worker(new URL('quota-crowd.js', import.meta.url), { workerData }),
        'exit',
      );
      expect(code).to.equal(0);
    }),
  );
  expect(new QuotaCells(block, 1, 'streams').held).to.equal(0);
  expect(new AddressCells(block, 1, 'streams').held(addressKeys(block)('198.51.100.7'))).to.equal(0);
  return new Int32Array(seen);
}

describe('quota cells', () => {
  it('are never held beyond the bound by four threads, end at none, and grant some', async () => {
    const [, now, most, granted] = await crowd('units', 5);
    expect(now).to.equal(0);
    expect(most).to.be.at.most(5);
    expect(granted).to.be.above(0);
  });

  it('of one kind do not affect the other kinds', () => {
    const block = Block.create({ workers: 1 });
    for (const name of QUOTAS) {
      const cells = new QuotaCells(block, 1, name);
      expect([cells.take(7, 7), cells.take(1, 7)]).to.deep.equal([true, false]);
    }
  });

  it('release the units of a lost thread, and none of other threads', () => {
    const block = Block.create({ workers: 2 });
    const key = addressKeys(block)('a');
    for (const name of ['bodies', 'bodyBytes', 'streams'] as const) {
      for (const slot of [1, 2]) {
        new QuotaCells(block, slot, name).take(3, 9);
        new AddressCells(block, slot, name).take(key, 3, 9);
      }
    }
    reclaimQuotas(block, 1);
    reclaimQuotas(block, 1);
    for (const name of ['bodies', 'bodyBytes', 'streams'] as const) {
      expect(new QuotaCells(block, 1, name).held, name).to.equal(3);
      expect(new AddressCells(block, 2, name).held(key), name).to.equal(3);
    }
  });
});

describe('address cells', () => {
  it('never let one address exceed its bound over four threads, end at none, and grant some', async () => {
    const [, now, most, granted] = await crowd('shares', 5);
    expect(now).to.equal(0);
    expect(most).to.be.at.most(5);
    expect(granted).to.be.above(0);
  });

  it('count an address over all threads, and release its units', () => {
    const block = Block.create({ workers: 2 });
    const keyOf = addressKeys(block);
    const [one, two] = [new AddressCells(block, 1, 'streams'), new AddressCells(block, 2, 'streams')];
    const key = keyOf('192.0.2.1');
    expect([one.take(key, 2, 3), two.take(key, 2, 3), two.take(key, 1, 3)]).to.deep.equal([
      true,
      false,
      true,
    ]);
    expect(one.held(key)).to.equal(3);
    one.give(key, 2);
    expect(two.take(keyOf('192.0.2.1'), 2, 3)).to.equal(true);
  });

  it('never count less for an address than it holds, for any amounts of any addresses', () => {
    const block = Block.create({ workers: 1 });
    const keyOf = addressKeys(block);
    const cells = new AddressCells(block, 1, 'bodies');
    const step = fc.record({ address: fc.nat(300), amount: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 1, max: 200 }), (steps, most) => {
        const taken = steps.filter(({ address, amount }) => cells.take(keyOf(String(address)), amount, most));
        const sums = new Map<number, number>();
        for (const { address, amount } of taken) sums.set(address, (sums.get(address) ?? 0) + amount);
        for (const [address, sum] of sums) {
          expect(sum).to.be.at.most(most);
          expect(cells.held(keyOf(String(address)))).to.be.at.least(sum);
        }
        for (const { address, amount } of taken) cells.give(keyOf(String(address)), amount);
        for (const address of sums.keys()) expect(cells.held(keyOf(String(address)))).to.equal(0);
      }),
      { numRuns: 50 },
    );
  });

  it('refuse at most 2 of ten thousand addresses beside two addresses that hold their whole share', () => {
    const block = Block.create({ workers: 1 });
    const keyOf = addressKeys(block);
    for (const name of ['bodies', 'bodyBytes', 'streams'] as const) {
      const cells = new AddressCells(block, 1, name);
      for (const hostile of ['203.0.113.1', '203.0.113.2']) cells.take(keyOf(hostile), 5000, 5000);
      let refused = 0;
      for (let n = 0; n < 10_000; n++)
        if (!cells.take(keyOf(`10.0.${n >> 8}.${n & 255}`), 1, 5000)) refused++;
      // With 1,024 cells in each of two rows, 4 in a million are expected: more than 2 of 10,000 are no
      // coincidence.
      expect(refused, name).to.be.at.most(2);
    }
  });
});
