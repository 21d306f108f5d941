import { expect } from 'chai';
import fc from 'fast-check';
import { type Entry, FairQueue } from '#src/cpu/fair-queue.js';

interface Item extends Entry<Item> {
  readonly number: number;
}

const CALLERS = ['a', 'b', 'c'];

/**
 * What is done to a queue: an entry of a caller comes, the next one leaves, or one leaves from where it
 * stands.
 */
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ add: fc.constantFrom(...CALLERS) }) },
    { weight: 2, arbitrary: fc.constant({ next: true as const }) },
    { weight: 1, arbitrary: fc.record({ remove: fc.nat() }) },
  ),
  { maxLength: 200 },
);
const mosts = fc.integer({ min: 0, max: 12 });

/** The queue, beside a model of its content line by line. */
class Modelled {
  readonly queue: FairQueue<Item>;
  readonly items: Item[] = [];
  #number = 0;

  constructor(most: number) {
    this.queue = new FairQueue(most);
  }

  of(caller: string): Item[] {
    return this.items.filter((item) => item.caller === caller);
  }

  add(caller: string): { readonly item: Item; readonly refused: Item | undefined } {
    const item: Item = { service: 's', priority: 'normal', caller, number: this.#number++ };
    this.items.push(item);
    const refused = this.queue.add(item);
    if (refused !== undefined) this.#forget(refused);
    return { item, refused };
  }

  next(): Item | undefined {
    const item = this.queue.next();
    if (item === undefined) return undefined;
    this.#forget(item);
    this.queue.end(item, 1);
    return item;
  }

  remove(number: number): void {
    const item = this.items[number % (this.items.length || 1)];
    if (item === undefined) return;
    this.queue.remove(item);
    this.queue.remove(item);
    this.#forget(item);
  }

  #forget(item: Item): void {
    this.items.splice(this.items.indexOf(item), 1);
  }
}

describe('a queue that callers share', () => {
  it('never holds more than its maximum, and rejects only when it is full', () => {
    fc.assert(
      fc.property(mosts, steps, (most, list) => {
        const model = new Modelled(most);
        for (const step of list) {
          const before = model.items.length;
          if ('add' in step) expect(model.add(step.add).refused !== undefined).to.equal(before === most);
          else if ('next' in step) model.next();
          else model.remove(step.remove);
          expect(model.queue.size).to.equal(model.items.length).and.at.most(most);
          expect(model.queue.callers).to.equal(new Set(model.items.map(({ caller }) => caller)).size);
        }
      }),
    );
  });

  it('rejects the newest entry of the caller with the most, so each caller can have its share', () => {
    fc.assert(
      fc.property(mosts, steps, (most, list) => {
        const model = new Modelled(most);
        for (const step of list) {
          if ('next' in step) model.next();
          else if ('remove' in step) model.remove(step.remove);
          else {
            const { refused } = model.add(step.add);
            if (refused === undefined) continue;
            const kept = model.of(refused.caller);
            expect(kept.every(({ number }) => number < refused.number)).to.equal(true);
            for (const caller of CALLERS) expect(model.of(caller).length).to.be.at.most(kept.length + 1);
            expect(kept.length).to.be.at.least(Math.floor(most / CALLERS.length));
          }
        }
      }),
    );
  });

  it('takes callers in turn, and the entries of each in their order', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const model = new Modelled(1_000);
        /** The number of entries that were taken while the oldest one of a caller waited. */
        const passed = new Map<string, string[]>();
        for (const step of list) {
          if ('add' in step) model.add(step.add);
          else if ('remove' in step) {
            model.remove(step.remove);
            // A caller whose last entry was removed does not wait any more; its next entry waits anew.
            for (const caller of CALLERS) if (model.of(caller).length === 0) passed.set(caller, []);
          } else {
            const expected = new Map(CALLERS.map((caller) => [caller, model.of(caller)[0]]));
            const item = model.next();
            expect(item).to.equal(item && expected.get(item.caller));
            for (const caller of CALLERS) {
              if (item === undefined || caller === item.caller || model.of(caller).length === 0) {
                passed.set(caller, []);
              } else passed.set(caller, [...(passed.get(caller) ?? []), item.caller]);
              const turns = passed.get(caller)!;
              expect(new Set(turns).size, 'a caller had two turns before another').to.equal(turns.length);
            }
          }
        }
      }),
    );
  });

  it('is available as a whole to a single caller', () => {
    const model = new Modelled(64);
    for (let n = 0; n < 64; n++) expect(model.add('a').refused).to.equal(undefined);
    const { item, refused } = model.add('a');
    expect(refused).to.equal(item);
    expect(model.add('b').refused).to.include({ caller: 'a', number: 63 });
  });
});
