// A thread is interrupted in the middle of an operation and continues: V8 ends the running code (a timeout of
// `node:vm`, a handler that is interrupted), or its stack is full.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { interruptedPermits } from '#src/memory/permit-census.js';
import { type Holder, LASTING_KINDS, type PermitKind } from './permit-kinds.js';
import { killAt, momentsOf } from './stepped-atomics.js';

const SLOTS = [1, 2, 3];
/** Permits of three threads, two of each. */
const HELD = 6;
/** Permits that are held after an operation: it reaches the bound, or began at it. */
const OPERATIONS = [
  ['take', HELD + 1, HELD + 1],
  ['give', HELD - 1, HELD],
] as const;

interface Interruption {
  readonly first: Holder;
  readonly second: Holder;
  /** Permits that the threads hold. */
  readonly held: number;
  readonly most: number;
  readonly at: string;
}

type Case = (interruption: Interruption) => void;

/** Runs a case for each moment of each operation at which the first of three threads may be interrupted. */
function forEachInterruption(kind: PermitKind, block: Block, run: Case): void {
  for (const [operation, after, most] of OPERATIONS) {
    const threads = (): Holder[] => {
      for (const slot of SLOTS) kind.reclaim(block, slot);
      kind.settle(block);
      kind.begin(block);
      const holders = SLOTS.map((slot) => kind.of(block, slot, most));
      for (const holder of [...holders, ...holders]) holder.take();
      return holders;
    };
    const whole = threads();
    const moments = momentsOf(() => whole[0]![operation]());
    for (let moment = 0; moment < moments; moment++) {
      const [first, second] = threads();
      killAt(moment, () => first![operation]());
      const isThrough = kind.isThrough(operation, moment, moments);
      const held = isThrough ? after : HELD;
      run({
        first: first!,
        second: second!,
        held,
        most,
        at: `${operation}, interrupted at moment ${moment}`,
      });
    }
  }
}

for (const kind of LASTING_KINDS) {
  describe(`permits of threads that are interrupted and continue: ${kind.name}`, () => {
    let block: Block;
    beforeEach(() => (block = Block.create({ workers: 3 })));

    /** Checks the counts that any thread and the primary see afterwards. */
    const expectAll = ({ second, held, most, at }: Interruption): void => {
      expect(kind.settle(block), at).to.equal(0);
      expect(kind.held(block), at).to.equal(held);
      if (!kind.isBounded) return;
      for (let left = most - held; left > 0; left--) expect(second.take(), at).to.equal(true);
      expect(second.take(), at).to.equal(false);
    };

    it('are counted exactly after the next operation of that thread, also a refused one', () => {
      forEachInterruption(kind, block, (interruption) => {
        if (interruption.first.take()) interruption.first.give();
        expectAll(interruption);
      });
    });

    it('are counted exactly when that thread takes no other permit, but checks', () => {
      forEachInterruption(kind, block, (interruption) => {
        interruptedPermits(block, 1)();
        expectAll(interruption);
      });
    });

    it('are counted exactly also when the operation that detects the interruption is interrupted', () => {
      const look = interruptedPermits(block, 1);
      let isReached = true;
      for (let moment = 0; isReached; moment++) {
        isReached = false;
        forEachInterruption(kind, block, (interruption) => {
          isReached = killAt(moment, look) || isReached;
          look();
          expectAll(interruption);
        });
      }
    });
  });
}
