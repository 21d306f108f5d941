import { expect } from 'chai';
import fc from 'fast-check';
import { isLevel, isUneven, type RebalanceOrders, SurplusRule, surplusOf } from '#src/cluster/surplus.js';
import { seeded } from '#test/support/random.js';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
const held = fc.array(fc.nat(300), { minLength: 1, maxLength: 16 });

/** Rounds a connection must be open for to count as long-lived. */
const LOOKS = 4;
/** Rounds within which a client is expected back. */
const BACK_LOOKS = 8;
/** A MAX_CONNECTIONS that no test comes near to. */
const PLENTY = 1_048_576;
/**
 * The rule closes at most a quarter of all connections in a round, so this many rounds suffice for any
 * number.
 */
const ENOUGH = 60;

/** Simulated workers whose clients come back at once, or some rounds later. */
class Workers {
  readonly held: number[];
  readonly #rule = new SurplusRule(PLENTY);
  readonly #threads: object[];
  readonly #place: (held: readonly number[]) => number;
  /** Clients on their way back, by round, the next one first. */
  readonly #underWay: number[];
  closes = 0;
  #closed = 0;

  /**
   * @param place chooses the worker that a client comes back to
   * @param delay the number of rounds that a client is on its way
   */
  constructor(held: readonly number[], place: (held: readonly number[]) => number, delay = 0) {
    this.held = [...held];
    this.#threads = held.map(() => ({}));
    this.#place = place;
    this.#underWay = Array.from({ length: delay }, () => 0);
  }

  /** @returns the connections that each worker closes after this round */
  look(): readonly number[] {
    const holders = this.held.map((connections, index) => ({ thread: this.#threads[index]!, connections }));
    const { closes } = this.#rule.decide(holders, this.#closed, sum(this.held));
    for (const [index, count] of closes.entries()) this.held[index]! -= count;
    this.#closed = sum(closes);
    this.closes += this.#closed;
    this.#underWay.push(this.#closed);
    for (let coming = this.#underWay.shift()!; coming > 0; coming--) this.held[this.#place(this.held)]!++;
    return closes;
  }

  looks(count: number): void {
    for (let n = 0; n < count; n++) this.look();
  }

  /** A successor replaces a thread whose clients have gone to the other workers. */
  replace(index: number): void {
    this.#threads[index] = {};
  }
}

/** Chooses like the acceptor. */
const fewest = (held: readonly number[]): number => held.indexOf(Math.min(...held));

describe('the surplus of connections', () => {
  for (const [what, workers, uneven, surplus] of [
    ['all on one of two', [8, 0], true, [4, 0]],
    ['one more than its share', [5, 3], false, [1, 0]],
    ['two more than its share', [6, 2], true, [2, 0]],
    ['a quarter more', [125, 75], false, [25, 0]],
    ['more than a quarter more', [126, 74], true, [26, 0]],
    ['an idle one among many', [10, 10, 10, 10, 0], true, [2, 2, 2, 2, 0]],
    ['an odd number', [0, 3, 3, 3, 3, 3, 3, 3], true, [0, 0, 0, 0, 0, 0, 1, 1]],
    ['one each, and one worker without', [1, 1, 1, 0], false, [0, 0, 0, 0]],
    ['two on one of two', [2, 0], false, [1, 0]],
    ['a single connection', [0, 1], false, [0, 0]],
    ['none', [0, 0], false, [0, 0]],
    ['one worker', [100], false, [0]],
  ] as const) {
    it(`is ${surplus.join(', ')} with ${what}, and ${uneven ? 'clear' : 'not worth moving'}`, () => {
      expect(surplusOf(workers)).to.deep.equal(surplus);
      expect(isUneven(workers)).to.equal(uneven);
    });
  }

  it('leaves every worker its share, and equals what the others lack', () => {
    fc.assert(
      fc.property(held, fc.nat(300), (workers, coming) => {
        const share = Math.floor((sum(workers) + coming) / workers.length);
        const surplus = surplusOf(workers, coming);
        for (const [index, beyond] of surplus.entries()) {
          expect(beyond).to.be.at.least(0);
          if (beyond > 0) expect(workers[index]! - beyond).to.be.within(share, share + 1);
        }
        const left = workers.map((count, index) => count - surplus[index]!);
        const lack = sum(left.map((count) => Math.max(0, share - count)));
        expect(sum(surplus)).to.be.at.most(lack + workers.length);
        expect(sum(surplus) + coming).to.be.at.least(lack);
      }),
    );
  });

  it('is none where all have their share, and level workers are never uneven', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 64 }), (total, count) => {
        const even = Array.from({ length: count }, (_, n) => Math.floor((total + n) / count));
        expect(sum(surplusOf(even))).to.equal(0);
        expect(isLevel(even)).to.equal(true);
      }),
    );
    fc.assert(
      fc.property(held, (workers) => {
        if (isLevel(workers)) expect(isUneven(workers)).to.equal(false);
      }),
    );
  });
});

describe('the rule by which workers close connections', () => {
  it('closes nothing where all have their share, nor with one worker', () => {
    const size = fc.record({ total: fc.nat(2000), count: fc.integer({ min: 1, max: 16 }) });
    fc.assert(
      fc.property(size, ({ total, count }) => {
        const even = Array.from({ length: count }, (_, n) => Math.floor((total + n) / count));
        const workers = new Workers(even, fewest);
        workers.looks(ENOUGH);
        expect(workers.closes).to.equal(0);
      }),
    );
  });

  it('closes exactly the surplus until all workers are level, and then nothing more', () => {
    fc.assert(
      fc.property(held, fc.nat(LOOKS - 1), (begin, delay) => {
        const workers = new Workers(begin, fewest, delay);
        workers.looks(LOOKS - 1);
        expect(workers.closes, 'what may have come only now').to.equal(0);
        const uneven = isUneven(begin);
        workers.looks(ENOUGH);
        expect(workers.closes).to.be.at.most(sum(surplusOf(begin)));
        if (!uneven) expect(workers.closes).to.equal(0);
        else expect(isLevel(workers.held), String(workers.held)).to.equal(true);
        const { closes } = workers;
        workers.looks(ENOUGH);
        expect(workers.closes).to.equal(closes);
      }),
    );
  });

  it('never takes a worker below its share, nor closes more than a quarter at once', () => {
    fc.assert(
      fc.property(held, fc.nat(LOOKS - 1), (begin, delay) => {
        const workers = new Workers(begin, fewest, delay);
        const total = sum(begin);
        for (let n = 0; n < ENOUGH; n++) {
          const closes = workers.look();
          expect(sum(closes)).to.be.at.most(Math.ceil(total / 4));
          for (const [index, count] of closes.entries()) {
            if (count > 0) expect(workers.held[index]).to.be.at.least(Math.floor(total / begin.length));
          }
        }
      }),
    );
  });

  it('moves 8 connections that are all on one of two workers within three rounds after they count as long-lived', () => {
    const workers = new Workers([8, 0], fewest);
    workers.looks(LOOKS + 2);
    expect(workers.held).to.deep.equal([4, 4]);
    expect(workers.closes).to.equal(4);
  });

  it('gives a successor its share again, whenever a worker fails', () => {
    const workers = new Workers([50, 50, 50], fewest);
    for (let time = 0; time < 20; time++) {
      workers.held.splice(0, 3, 0, 75, 75);
      workers.replace(0);
      workers.looks(2 * LOOKS);
      expect(workers.held).to.deep.equal([50, 50, 50]);
    }
  });

  it('closes nothing in place of connections that are about to come back from a worker that drains', () => {
    const rule = new SurplusRule(PLENTY);
    const [old, other, next] = [{}, {}, {}];
    const look = (...holders: [object, number][]): number =>
      sum(
        rule.decide(
          holders.map(([thread, connections]) => ({ thread, connections })),
          0,
          0,
        ).closes,
      );
    for (let n = 0; n < LOOKS; n++) expect(look([old, 100], [other, 100])).to.equal(0);
    for (const back of [0, 30, 70, 100]) expect(look([next, back], [other, 100])).to.equal(0);
    expect(look([next, 100], [other, 100])).to.equal(0);
  });

  it('closes nothing when the clients that come back are spread evenly, whatever the state in between', () => {
    const rule = new SurplusRule(PLENTY);
    const threads = [{}, {}, {}];
    const look = (...held: number[]): number =>
      sum(
        rule.decide(
          held.map((connections, index) => ({ thread: threads[index]!, connections })),
          0,
          0,
        ).closes,
      );
    for (let n = 0; n < LOOKS; n++) expect(look(100, 100, 100)).to.equal(0);
    for (const back of [0, 30, 70]) expect(look(100 + back, 100)).to.equal(0);
    for (let n = 0; n < ENOUGH; n++) expect(look(170, 130)).to.equal(0);
  });

  it('ignores connections that come and go', () => {
    const rule = new SurplusRule(PLENTY);
    const threads = [{}, {}];
    for (let n = 0; n < 100; n++) {
      const busy = n % (LOOKS - 1) === 0 ? 0 : 1;
      const holders = threads.map((thread, index) => ({ thread, connections: index === busy ? 40 : 0 }));
      expect(sum(rule.decide(holders, 0, 0).closes)).to.equal(0);
    }
  });

  for (const [what, maxConnections, elsewhere, closes, maxOpen] of [
    ['as many as possible where half of MAX_CONNECTIONS are open', 80, 0, 10, 50],
    ['fewer, so that three quarters are not exceeded', 64, 0, 8, 40],
    ['none at three quarters', 53, 0, 0, 39],
    ['none beyond', 41, 0, 0, 30],
    ['none at three quarters, connections of other workers included', 64, 8, 0, 48],
  ] as const) {
    it(`closes ${what}`, () => {
      const rule = new SurplusRule(maxConnections);
      const holders = [40, 0].map((connections) => ({ thread: {}, connections }));
      const look = (): RebalanceOrders => rule.decide(holders, 0, 40 + elsewhere);
      for (let n = 0; n < LOOKS - 1; n++) look();
      expect(look()).to.deep.equal({ closes: [closes, 0], maxOpen });
    });
  }

  it('closes no more while other clients have replaced the closed ones, until those must be back', () => {
    const rule = new SurplusRule(100);
    const threads = [{}, {}];
    const look = (closed: number): RebalanceOrders =>
      rule.decide(
        threads.map((thread, index) => ({ thread, connections: index === 0 ? 60 : 0 })),
        closed,
        60,
      );
    for (let n = 0; n < LOOKS; n++) look(0);
    expect(look(15)).to.deep.equal({ closes: [0, 0], maxOpen: 60 });
    for (let n = 1; n < BACK_LOOKS; n++) expect(look(0)).to.deep.equal({ closes: [0, 0], maxOpen: 60 });
    expect(look(0)).to.deep.equal({ closes: [15, 0], maxOpen: 60 });
  });

  /** The kernel may lead a client back to the same worker. */
  const anywhere = (seed: number): ((held: readonly number[]) => number) => {
    const random = seeded(seed);
    return (held) => Math.floor(random() * held.length);
  };

  for (const [count, total] of [
    [2, 8],
    [2, 150],
    [4, 40],
    [4, 400],
    [8, 800],
  ] as const) {
    it(`comes to an end with ${total} connections on ${count} workers placed at random`, () => {
      for (let seed = 1; seed <= 20; seed++) {
        const workers = new Workers([total, ...Array.from({ length: count - 1 }, () => 0)], anywhere(seed));
        workers.looks(LOOKS + 12);
        const closedSoon = workers.closes;
        workers.looks(10 * ENOUGH);
        const { closes } = workers;
        expect(isLevel(workers.held), `seed ${seed}: ${workers.held.join()}`).to.equal(true);
        expect(closes).to.be.at.most(2 * total + 32);
        expect(closedSoon).to.be.at.least(closes / 2);
        workers.looks(10 * ENOUGH);
        expect(workers.closes).to.equal(closes);
      }
    });
  }

  it('closes a bounded number where clients always come back to the same worker', () => {
    fc.assert(
      fc.property(held, (begin) => {
        const most = begin.indexOf(Math.max(...begin));
        const workers = new Workers(begin, () => most);
        const total = sum(begin);
        const minutes = 20;
        workers.looks(minutes * 240);
        expect(workers.closes).to.be.at.most(2 * total + 32 + (total * minutes) / 5 + 1);
      }),
      { numRuns: 20 },
    );
  });
});
