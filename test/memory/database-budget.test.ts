import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { DatabaseBudget } from '#src/memory/database-budget.js';

describe('the database budget', () => {
  let now: number;
  const setUp = (most: number): { readonly block: Block; readonly workers: readonly DatabaseBudget[] } => {
    now = 1_000;
    const block = Block.create({ workers: 3 });
    DatabaseBudget.configure(block, most);
    return { block, workers: [1, 2, 3].map((slot) => new DatabaseBudget(block, slot, () => now)) };
  };

  it('lends no more than it has over all workers, and again what was given back', () => {
    const { workers } = setUp(2);
    expect(workers[0]!.tryAcquire()).to.equal(true);
    expect(workers[1]!.tryAcquire()).to.equal(true);
    expect(workers[2]!.tryAcquire()).to.equal(false);
    workers[0]!.release();
    expect(workers[2]!.tryAcquire()).to.equal(true);
    expect(workers[2]!.usage).to.deep.equal({ held: 2, most: 2 });
  });

  it('gets back what a lost worker held, once', () => {
    const { block, workers } = setUp(3);
    workers[0]!.tryAcquire();
    workers[0]!.tryAcquire();
    workers[1]!.tryAcquire();
    expect(DatabaseBudget.reclaim(block, 1)).to.equal(2);
    expect(DatabaseBudget.reclaim(block, 1)).to.equal(0);
    expect(workers[1]!.usage.held).to.equal(1);
  });

  it('is contended for a short time after somebody found none, in every worker', () => {
    const { workers } = setUp(1);
    expect(workers[0]!.contended).to.equal(false);
    workers[1]!.want();
    expect(workers[0]!.contended).to.equal(true);
    now += 200;
    expect(workers[0]!.contended).to.equal(false);
  });

  it('counts right over the wrap of the 32-bit clock', () => {
    const { workers } = setUp(1);
    now = 2 ** 31 - 10;
    workers[1]!.want();
    now += 20;
    expect(workers[0]!.contended).to.equal(true);
    now += 100;
    expect(workers[0]!.contended).to.equal(false);
  });

  it('in any sequence equals the sum of what the workers hold', () => {
    const step = fc.record({ worker: fc.nat(2), action: fc.constantFrom('acquire', 'release', 'reclaim') });
    fc.assert(
      fc.property(fc.nat(5), fc.array(step), (most, steps) => {
        const { block, workers } = setUp(most);
        const held = [0, 0, 0];
        for (const { worker, action } of steps) {
          const budget = workers[worker]!;
          const sum = held.reduce((a, b) => a + b);
          if (action === 'acquire') {
            expect(budget.tryAcquire()).to.equal(sum < most);
            if (sum < most) held[worker]!++;
          } else if (action === 'reclaim') {
            expect(DatabaseBudget.reclaim(block, worker + 1)).to.equal(held[worker]);
            held[worker] = 0;
          } else if (held[worker]! > 0) {
            budget.release();
            held[worker]!--;
          }
          expect(budget.usage.held).to.equal(held.reduce((a, b) => a + b));
        }
      }),
    );
  });
});
