// Limits over several processes, as one of them admits by its share.
import { expect } from 'chai';
import { NO_SHARE } from '#src/memory/rate/cluster-rates.js';
import { HotCounts, RefusedKeys } from '#src/memory/rate/hot-cells.js';
import { HOUR_MS, SALT, setUp } from './cluster-world.js';

/** A limit of which this process, one of three, has a tenth of a key. */
function setUpDivided() {
  const world = setUp();
  const { block, rates, members, page } = world;
  const limit = rates.limit('limit', 10, 90);
  members(3);
  limit.take('a');
  const [key] = new RefusedKeys(block).read();
  const { low, high, interval, burst } = key!;
  const divide = (rate: number): void =>
    page.divide([{ low, high, interval, burst, slot: 3, isShare: false, rate, permits: 30 }]);
  divide(100_000);
  return { ...world, limit, divide };
}

describe('a limit over several processes', () => {
  it('admits nothing without a share, and says so', () => {
    const { rates, members, page } = setUp();
    const limit = rates.limit('limit', 10, 100);
    expect(limit.take('a')).to.equal(NO_SHARE);
    expect(limit.peek('a')).to.equal(NO_SHARE);
    members(1);
    page.release();
    expect(limit.take('a')).to.equal(NO_SHARE);
  });

  it('begins with nothing, and fills up to the permits of the share', () => {
    const { rates, members, pass, admitted } = setUp();
    const limit = rates.limit('limit', 10, 90);
    members(3);
    expect(admitted(limit)).to.equal(0);
    // A third of 100 per second.
    pass(302);
    expect(admitted(limit)).to.equal(10);
    pass(10_000);
    expect(admitted(limit)).to.equal(30);
  });

  it('keeps what a key has left when others come and go', () => {
    const { rates, members, pass, admitted } = setUp();
    const limit = rates.limit('limit', 10, 90);
    members(3);
    pass(10_000);
    for (let n = 0; n < 25; n++) limit.take('a');
    members(9);
    expect(admitted(limit)).to.equal(5);
    members(3);
    expect(admitted(limit)).to.equal(0);
    expect(admitted(limit, 'not used yet'), 'what nine have left').to.equal(10);
    pass(10_000);
    expect(admitted(limit)).to.equal(30);
  });

  it('divides all permits of a key among the members, none of them twice', () => {
    for (const [burst, count] of [
      [7, 3],
      [3, 3],
      [2, 5],
      [1, 4],
    ] as const) {
      const worlds = Array.from({ length: count }, (_, self) => {
        const world = setUp();
        const ids = Array.from({ length: count }, (__, n) => `m${n}`);
        world.page.hold({ members: ids, self: `m${self}`, salt: SALT });
        world.renew();
        const limit = world.rates.limit('limit', 1_000, burst);
        world.pass(HOUR_MS / 2);
        return { ...world, limit };
      });
      for (const key of ['a', 'b', 'c', 'd']) {
        const all = worlds.reduce((sum, { admitted, limit }) => sum + admitted(limit, key), 0);
        expect(all, `${burst} among ${count}`).to.equal(burst);
      }
    }
  });

  it('ends with the time of the share, by either clock', () => {
    const { rates, members, pass, time } = setUp();
    const limit = rates.limit('limit', 10, 100);
    members(1);
    pass(1_000);
    expect(limit.take('a')).to.be.above(0);
    time.wall += HOUR_MS;
    expect(limit.take('a')).to.equal(NO_SHARE);
    time.wall -= HOUR_MS;
    expect(limit.take('a')).to.be.above(0);
    expect(limit.peek('a')).to.be.above(0);
    time.now += HOUR_MS;
    expect(limit.peek('a')).to.equal(NO_SHARE);
    expect(limit.take('a')).to.equal(NO_SHARE);
  });

  it('refuses without charging what has no permit here', () => {
    const { rates, members, pass } = setUp();
    const limit = rates.limit('limit', 1_000, 1);
    members(50);
    pass(HOUR_MS / 2);
    for (let n = 0; n < 200; n++) {
      const key = `key ${n}`;
      expect(limit.peek(key) > 0, key).to.equal(limit.take(key) > 0);
    }
  });

  for (const year of [2_039, 2_100]) {
    it(`has a share in the year ${year}`, () => {
      const { rates, members, pass, time } = setUp();
      const limit = rates.limit('limit', 10, 100);
      time.wall = Date.UTC(year, 11, 31);
      members(1);
      pass(1_000);
      expect(limit.take('a')).to.be.above(0);
      time.wall += HOUR_MS;
      expect(limit.take('a')).to.equal(NO_SHARE);
    });
  }

  it('admits nothing by a share that was changed after the clock was read', () => {
    const { rates, members, pass, during, page } = setUp();
    const limit = rates.limit('limit', 10, 100);
    members(1);
    pass(1_000);
    during.reading = () => {
      during.reading = () => undefined;
      page.release();
    };
    expect(limit.take('a')).to.equal(NO_SHARE);
  });

  it('admits by the new share when it was changed after the clock was read', () => {
    const { rates, members, pass, during, admitted } = setUp();
    const limit = rates.limit('limit', 1_000, 10);
    members(1);
    pass(20_000);
    during.reading = () => {
      during.reading = () => undefined;
      members(10);
    };
    expect(admitted(limit), 'the permit of one of ten').to.equal(1);
  });

  it('says how long to wait in real time, and how much is left of the whole burst', () => {
    const { rates, members, pass } = setUp();
    const limit = rates.limit('limit', 100, 8);
    members(4);
    pass(10_000);
    expect(limit.take('a')).to.be.closeTo(700, 1);
    expect(limit.take('a')).to.be.closeTo(800, 1);
    expect(limit.take('a')).to.be.closeTo(-400, 1);
    expect(limit.peek('a')).to.be.closeTo(-400, 1);
  });

  it('admits another part of a key, which begins with what the smaller one has left', () => {
    const { block, rates, members, pass, page, admitted } = setUp();
    const limit = rates.limit('limit', 10, 90);
    const refused = new RefusedKeys(block);
    members(3);
    pass(10_000);
    expect(admitted(limit)).to.equal(30);
    const [key] = refused.read();
    expect(key).to.include({ burst: 90 });
    expect(refused.read()).to.deep.equal([]);
    const { low, high, interval, burst } = key!;
    const divide = (rate: number, permits = 30): void =>
      page.divide([{ low, high, interval, burst, slot: 3, isShare: rate === 333_333, rate, permits }]);
    divide(333_333);
    pass(302);
    expect(admitted(limit), 'its share').to.equal(10);
    divide(666_666);
    expect(admitted(limit), 'no more at once').to.equal(0);
    pass(302);
    expect(admitted(limit), 'twice its share').to.equal(20);
    divide(100_000);
    pass(302);
    expect(admitted(limit), 'less than its share').to.equal(3);
    divide(333_333);
    expect(admitted(limit), 'nothing of what was lent').to.equal(0);
    pass(302);
    divide(666_666);
    expect(admitted(limit), 'what was left').to.equal(10);
    divide(0, 0);
    pass(10_000);
    expect(admitted(limit), 'nothing').to.equal(0);
    const counts = new HotCounts(block);
    expect([counts.asked(3), counts.refused(3)]).to.deep.equal([10 + 20 + 3 + 10 + 7, 7]);
  });

  it('gives nothing for the time in which the primary is suspended while it changes a part', () => {
    const { limit, divide, pass, during, admitted } = setUpDivided();
    pass(10_000);
    expect(admitted(limit)).to.equal(30);
    during.changing = () => {
      during.changing = () => undefined;
      pass(302);
      expect(limit.take('a')).to.be.above(0);
    };
    divide(666_666);
    expect(admitted(limit), 'what was left of three').to.equal(2);
    pass(302);
    expect(admitted(limit)).to.equal(20);
  });

  it('gives a part that could not grow when it is divided again', () => {
    const { limit, divide, pass, during, admitted } = setUpDivided();
    let readings = 0;
    during.changing = () => {
      readings += 1;
      if (readings === 2) throw new Error('no clock');
    };
    expect(() => divide(666_666)).to.throw('no clock');
    pass(302);
    expect(admitted(limit), 'a closed part').to.equal(0);
    divide(666_666);
    pass(302);
    expect(admitted(limit)).to.equal(20);
  });
});
