import { expect } from 'chai';
import { ownTurn, Pace, TurnLine } from '#src/telemetry/pace.js';

/** An event loop that runs a turn when the test says so, with a clock that the works move on. */
class Loop {
  now = 0;
  readonly line = new TurnLine((work) => this.#scheduled.push(work));
  readonly #scheduled: (() => void)[] = [];

  get isIdle(): boolean {
    return this.#scheduled.length === 0;
  }

  pace(): Pace {
    return new Pace({ line: this.line, clock: () => this.now });
  }

  async turn(): Promise<void> {
    for (const work of this.#scheduled.splice(0)) work();
    await new Promise(setImmediate);
  }
}

describe('the pace of long work', () => {
  it('gives way when a turn has lasted for a millisecond, and not before', async () => {
    const loop = new Loop();
    const { rest } = loop.pace();
    loop.now = 0.9;
    expect(rest()).to.equal(undefined);
    loop.now = 1;
    const rested = rest()!;
    loop.now = 50;
    await loop.turn();
    await rested;
    loop.now = 50.9;
    expect(rest()).to.equal(undefined);
  });

  for (const works of [1, 2, 100])
    it(`lets one of ${works} works go on in each turn, each in its order`, async () => {
      const loop = new Loop();
      const ran: number[] = [];
      const work = async (id: number): Promise<void> => {
        const { rest } = loop.pace();
        for (let piece = 0; piece < 3; piece++) {
          ran.push(id);
          loop.now += 1;
          await rest();
        }
      };
      const all = Promise.all(Array.from({ length: works }, (_, id) => work(id)));
      // What begins in a turn is bounded where it begins; what goes on is bounded here.
      ran.length = 0;
      for (let turns = 0; !loop.isIdle; turns++) {
        await loop.turn();
        expect(ran.length).to.be.at.most(turns + 1);
      }
      await all;
      expect(ran).to.deep.equal([0, 1].flatMap(() => Array.from({ length: works }, (_, id) => id)));
    });

  it('gives works of a thread that know nothing of each other turns of their own', async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const ends: number[] = [];
    const end = async (work: Promise<unknown>): Promise<void> => {
      await work;
      ends.push(turns);
    };
    await Promise.all([ownTurn, ownTurn, ownTurn].map((turn) => end(turn())));
    isOver = true;
    expect(new Set(ends).size).to.equal(3);
  });
});
