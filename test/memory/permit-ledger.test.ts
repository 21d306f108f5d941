import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { QUOTAS } from '#src/memory/layout.js';
import { QuotaCells, quotaLedger, reclaimQuotas } from '#src/memory/quota-cells.js';
import { cutInTwo, killAt } from './stepped-atomics.js';

const COUNT = QUOTAS.indexOf('bodyBytes');
const MOST = 2 ** 31 - 1;

describe('a ledger of permits', () => {
  it('continues to count when the words of a thread wrap around, also when it is killed then', () => {
    for (const before of [0, 2 ** 31 - 4, -4, -(2 ** 31)]) {
      for (const amount of [1, 5, 2 ** 29]) {
        const block = Block.create({ workers: 2 });
        block.words('workerQuotaHeld', 1).fill(before);
        const [one, two] = [1, 2].map((slot) => new QuotaCells(block, slot, 'bodyBytes'));
        const here = `${amount} from ${before}`;
        two!.take(1, MOST);
        for (let n = 0; n < 3; n++) {
          expect([one!.take(amount, MOST), one!.take(amount, MOST)], here).to.deep.equal([true, true]);
          one!.give(amount);
          one!.give(amount);
        }
        one!.take(amount, MOST);
        cutInTwo(
          () => one!.take(amount, MOST),
          () => one!.held === 2 * amount + 1,
        );
        reclaimQuotas(block, 1);
        expect(two!.held, here).to.equal(1);
      }
    }
  });

  it('counts a thread that has given more than it took as one that holds nothing, wherever its words wrap around', () => {
    for (const before of [0, 1, 2, 2 ** 31 - 4, -4, -2, -(2 ** 31)]) {
      for (const excess of [1, 2, 1_000]) {
        const block = Block.create({ workers: 2 });
        block.words('workerQuotaHeld', 1).fill(before & ~1);
        const [one, two] = [1, 2].map((slot) => new QuotaCells(block, slot, 'bodyBytes'));
        const here = `${excess} from ${before}`;
        two!.take(7, MOST);
        one!.take(3, MOST);
        one!.give(3 + excess);
        expect(quotaLedger(block, 0).census(COUNT), here).to.equal(true);
        expect(two!.held, `${here}, by the census`).to.equal(7);
        one!.give(excess);
        reclaimQuotas(block, 1);
        expect(two!.held, `${here}, when it has ended`).to.equal(7);
        const next = new QuotaCells(block, 1, 'bodyBytes');
        expect(next.take(2, 9), here).to.equal(true);
        expect(quotaLedger(block, 0).census(COUNT), here).to.equal(true);
        expect(two!.held, `${here}, with the next thread of its slot`).to.equal(9);
      }
    }
  });

  it('corrects a total that is too low as well, by a census', () => {
    const block = Block.create({ workers: 2 });
    const [one, two] = [1, 2].map((slot) => new QuotaCells(block, slot, 'bodyBytes'));
    one!.take(3, MOST);
    two!.take(4, MOST);
    Atomics.store(block.table('quotaHeld').words, COUNT * block.table('quotaHeld').stride, 2);
    expect(quotaLedger(block, 0).census(COUNT)).to.equal(true);
    expect(one!.held).to.equal(7);
  });

  it('is exact when an operation is interrupted and then the census as well, at any moment', () => {
    let isReached = true;
    for (let moment = 0; isReached; moment++) {
      const block = Block.create({ workers: 2 });
      const [one, two] = [1, 2].map((slot) => new QuotaCells(block, slot, 'bodyBytes'));
      two!.take(4, MOST);
      cutInTwo(
        () => one!.take(3, MOST),
        () => one!.held === 7,
      );
      quotaLedger(block, 1).recover();
      const primary = quotaLedger(block, 0);
      isReached = killAt(moment, () => primary.census(COUNT));
      expect(primary.settle(), `at moment ${moment}`).to.equal(0);
      expect(one!.held, `at moment ${moment}`).to.equal(4);
    }
  });
});
