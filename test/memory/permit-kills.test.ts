import { threadId } from 'node:worker_threads';
import { expect } from 'chai';
import type { Area } from '#src/memory/area.js';
import { Block } from '#src/memory/block.js';
import { Part } from '#src/memory/part.js';
import { bulkhead, type Holder, PERMIT_KINDS, type PermitKind, probes } from './permit-kinds.js';
import { killAt, meanwhileAt, momentsOf } from './stepped-atomics.js';

const OPERATIONS = ['take', 'give'] as const;
const SLOTS = [1, 2, 3];

/** Three threads that hold two permits each. */
function threadsOf<A extends Area>(kind: PermitKind<A>, area: A): readonly [Holder, Holder, Holder] {
  kind.begin(area);
  const thread = (slot: number): Holder => {
    const holder = kind.of(area, slot);
    for (let n = 0; n < 2; n++) holder.take();
    return holder;
  };
  return [thread(1), thread(2), thread(3)];
}

interface Death {
  readonly threads: readonly [Holder, Holder, Holder];
  readonly operation: (typeof OPERATIONS)[number];
  readonly at: string;
}

/** Runs a case for each moment of each operation at which the first of three threads may be killed. */
function forEachDeath<A extends Area>(kind: PermitKind<A>, area: A, run: (death: Death) => void): void {
  for (const operation of OPERATIONS) {
    for (let moment = 0; ; moment++) {
      const threads = threadsOf(kind, area);
      const isKilled = killAt(moment, () => threads[0][operation]());
      if (isKilled) run({ threads, operation, at: `${operation}, killed at moment ${moment}` });
      for (const slot of SLOTS) kind.reclaim(area, slot);
      kind.settle(area);
      expect(kind.held(area)).to.equal(0);
      if (!isKilled) break;
    }
  }
}

for (const kind of PERMIT_KINDS) {
  describe(`permits of killed threads: ${kind.name}`, () => {
    let block: Block;
    beforeEach(() => (block = Block.create({ workers: 3 })));
    const held = (): number => kind.held(block);
    const reclaim = (slot: number): void => kind.reclaim(block, slot);
    const settle = (): number => kind.settle(block);

    it('are released whenever a thread is killed, and those of living threads are not', () => {
      forEachDeath(kind, block, ({ threads: [, second], at }) => {
        second.take();
        second.give();
        reclaim(1);
        expect(held(), at).to.equal(4);
        expect(settle(), at).to.equal(0);
        second.give();
        expect(held(), at).to.equal(3);
      });
    });

    it('are released however many threads are killed, whichever is reclaimed first', () => {
      for (const [first, last] of [
        [1, 2],
        [2, 1],
      ] as const) {
        forEachDeath(kind, block, ({ threads: [, second], operation, at }) => {
          killAt(5, () => second[operation]());
          reclaim(first);
          expect(held(), at).to.be.at.least(2);
          reclaim(last);
          settle();
          expect(held(), at).to.equal(2);
        });
      }
    });

    it('are never too few while a living thread is stopped in an operation, and exact when it continues', () => {
      for (const operation of OPERATIONS) {
        const [, second] = threadsOf(kind, block);
        const moments = momentsOf(() => second[operation]());
        for (const slot of SLOTS) reclaim(slot);
        const living = operation === 'give' ? 3 : 5;
        for (let moment = 0; moment < moments; moment++) {
          forEachDeath(kind, block, ({ threads: [, second, third], at }) => {
            const here = `${at}; ${operation}, stopped at moment ${moment}`;
            meanwhileAt(
              moment,
              () => {
                reclaim(1);
                settle();
                expect(held(), here).to.be.within(Math.min(living, 4), Math.max(living, 4) + 1);
                third.take();
              },
              () => second[operation](),
            );
            expect(settle(), here).to.equal(0);
            expect(held(), here).to.equal(living + 1);
          });
        }
      }
    });

    it('are exact when a living thread continues after an interrupted operation', () => {
      forEachDeath(kind, block, ({ threads: [first], operation, at }) => {
        first.take();
        first.give();
        expect(settle(), at).to.equal(0);
        // The operation was interrupted before its first step, in the middle, or after its last step.
        expect(held(), at).to.be.within(operation === 'take' ? 6 : 5, operation === 'take' ? 7 : 6);
        reclaim(1);
        expect(held(), at).to.equal(4);
      });
    });
  });
}

for (const [kind, of] of [
  [bulkhead, 'bulkhead'],
  [probes('ignored', 0), 'breaker'],
  [probes('success', 0), 'breaker'],
] as const) {
  describe(`permits of killed threads, reclaimed by threads: ${kind.name}`, () => {
    let part: Part;
    beforeEach(() => (part = Part.create(of, 4)));
    const held = (): number => kind.held(part);

    it('are exact when another thread works at any moment of a reclaim', () => {
      let isReached = true;
      for (let moment = 0; isReached; moment++) {
        isReached = false;
        forEachDeath(kind, part, ({ threads: [, second, third], at }) => {
          let taken = 0;
          meanwhileAt(
            moment,
            () => {
              isReached = true;
              taken = 1;
              second.take();
              third.give();
              third.take();
            },
            () => kind.reclaim(part, 1),
          );
          expect(kind.settle(part), at).to.equal(0);
          expect(held(), `${at}, at work at moment ${moment}`).to.equal(4 + taken);
        });
      }
    });

    it('are exact when the thread that reclaims them is killed as well, at any moment', () => {
      const [lost, alsoLost] = [90, 91];
      let isReached = true;
      for (let moment = 0; isReached; moment++) {
        isReached = false;
        forEachDeath(kind, part, ({ at }) => {
          const here = `${at}, reclaimed until moment ${moment}`;
          Atomics.store(part.words('workerId', 1), 0, lost + 1);
          isReached =
            killAt(moment, () => part.reclaim(lost, (slot) => kind.reclaim(part, slot))) || isReached;
          expect(held(), here).to.be.at.least(4);
          // This stands for the kill of another thread at this moment.
          Atomics.compareExchange(part.words('workerId', 1), 0, -(threadId + 1), -(alsoLost + 1));
          for (const thread of [lost, alsoLost]) part.reclaim(thread, (slot) => kind.reclaim(part, slot));
          expect(Atomics.load(part.words('workerId', 1), 0), here).to.equal(0);
          kind.settle(part);
          expect(held(), here).to.equal(4);
        });
      }
    });
  });
}
