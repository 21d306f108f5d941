// Limits over processes in virtual time: what all processes together admit, whatever happens to them, and
// what they admit when nothing happens.
import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { FAULTS } from './simulation/faults.js';
import type { LedgerTerms } from './simulation/ledger.js';
import { crowdedStorm, cutOff, storm, suspended } from './simulation/storm.js';
import { World } from './simulation/world.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const STORMS = 6;
const CROWDED = 2;
/** Seconds after which the members know each other. */
const SETTLED = 5 * SECOND;
/** Seconds after which they have divided what is asked for. */
const DIVIDED = 20 * SECOND;

describe('limits over processes, simulated', () => {
  const seed = newSeed();

  it(`admit at most B + N*t in any interval, through joins, leaves, kills, pauses and cuts (seed ${seed})`, () => {
    let admitted = 0;
    for (let n = 0; n < STORMS; n++) {
      const { excess, ledgers } = storm(seed + n, 12 * MINUTE);
      expect(excess, `seed ${seed + n}`).to.be.at.most(0);
      admitted += ledgers[0]!.admitted;
    }
    // The storms have not just kept everything out.
    expect(admitted).to.be.above(STORMS * 12 * 60);
  }).timeout(180_000);

  it(`admit at most that of any key while the table of keys is full (seed ${seed})`, () => {
    for (let n = 0; n < CROWDED; n++) {
      const { excess, ledgers } = crowdedStorm(seed + n, 4 * MINUTE);
      expect(excess, `seed ${seed + n}`).to.be.at.most(0);
      // A key of a burst of one may be admitted nowhere for minutes, while its process is killed or cut off.
      const found = ledgers.filter(({ admitted }) => admitted > 0).length;
      expect(found, `seed ${seed + n}`).to.be.above(0.8 * ledgers.length);
    }
  }).timeout(180_000);

  for (const { title, shownBy, fault } of FAULTS) {
    it(`show a planted fault: ${title}`, () => {
      const world = typeof shownBy === 'number' ? storm(shownBy, 12 * MINUTE, fault) : shownBy(fault);
      expect(world.excess).to.be.above(0);
    }).timeout(180_000);
  }

  const admittedIn = (world: World, index: number, ms: number): number => {
    const before = world.ledgers[index]!.admitted;
    world.timeline.run(world.timeline.now + ms);
    return world.ledgers[index]!.admitted - before;
  };
  const three = (limits = [{ perSecond: 100, burst: 30 }]): World => {
    const world = new World({ seed, limits });
    for (let n = 0; n < 3; n++) world.start(10, true);
    world.timeline.run(SETTLED);
    return world;
  };

  it('admit at most B + N*t when a process is cut off for longer than its share lasts', () => {
    expect(cutOff().excess).to.be.at.most(0);
  });

  it('admit at most B + N*t when the machine of a process is suspended while its beat is on its way', () => {
    expect(suspended().excess).to.be.at.most(0);
  });

  it(`admit N each second when every process has enough requests (seed ${seed})`, () => {
    const world = three();
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
  });

  it(`go on as before while nobody can reach the store for a minute (seed ${seed})`, () => {
    const world = three();
    world.network.isDown = true;
    for (let n = 0; n < 60; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
    world.network.isDown = false;
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
  });

  it(`admit nothing any more two minutes after the store was lost, and all of it once it is back (seed ${seed})`, () => {
    const world = three();
    world.network.isDown = true;
    world.timeline.run(world.timeline.now + 2 * MINUTE);
    expect(admittedIn(world, 0, SECOND)).to.equal(0);
    world.network.isDown = false;
    world.timeline.run(world.timeline.now + 15 * SECOND);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
  });

  it(`leave the share of a killed process unused until it has lapsed (seed ${seed})`, () => {
    const world = three();
    world.processes[0]!.isKilled = true;
    expect(admittedIn(world, 0, MINUTE)).to.be.within(63 * 60, 70 * 60);
    world.timeline.run(world.timeline.now + 45 * SECOND);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
  });

  it(`divide the share of a process that leaves in order at once (seed ${seed})`, () => {
    const world = three();
    world.processes[0]!.leave();
    world.timeline.run(world.timeline.now + 6 * SECOND);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
  });

  it(`give a newcomer its share within seconds (seed ${seed})`, () => {
    const world = three();
    const newcomer = world.start(10, true);
    world.timeline.run(world.timeline.now + SETTLED);
    expect(newcomer.member.isActive).to.equal(true);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
  });

  it(`go on while a process ends again and again before it has started (seed ${seed})`, () => {
    const world = new World({ seed, limits: [{ perSecond: 10, burst: 1 }], keys: 20 });
    world.start(20, true);
    world.timeline.run(SETTLED);
    const restart = (): void => {
      const process = world.start(1_000);
      world.timeline.in(150, () => {
        process.isKilled = true;
      });
      world.timeline.in(2 * SECOND, restart);
    };
    restart();
    world.timeline.run(world.timeline.now + 2 * MINUTE);
    const before = world.ledgers.map(({ admitted }) => admitted);
    world.timeline.run(world.timeline.now + 2 * MINUTE);
    const admitted = world.ledgers.reduce((sum, one, n) => sum + one.admitted - before[n]!, 0);
    // Without those that end it would be 20 keys at 10 per second. Nothing is admitted when they stay listed.
    expect(admitted).to.be.above((20 * 10 * 120) / 100);
    expect(world.excess).to.be.at.most(0);
  });

  /** Three processes that are asked for these parts of N, once they have divided it among them. */
  const asked = (limit: LedgerTerms, parts: readonly number[]): World => {
    const world = new World({ seed, limits: [limit] });
    for (const part of parts) world.start(SECOND / (part * limit.perSecond), true);
    world.timeline.run(DIVIDED);
    return world;
  };

  it(`admit N each second when nine tenths of three times as much come to one process (seed ${seed})`, () => {
    const world = asked({ perSecond: 100, burst: 30 }, [2.7, 0.27, 0.03]);
    for (let n = 0; n < 60; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
    expect(world.excess).to.be.at.most(0);
  });

  it(`go on like that while nobody can reach the store for a minute (seed ${seed})`, () => {
    const world = asked({ perSecond: 100, burst: 30 }, [2.7, 0.27, 0.03]);
    world.network.isDown = true;
    for (let n = 0; n < 60; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(97, 103);
    world.network.isDown = false;
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND), `${n} s later`).to.be.within(97, 103);
  });

  it(`admit what is asked for while that is less than N, wherever it comes (seed ${seed})`, () => {
    const world = asked({ perSecond: 100, burst: 60 }, [0.75, 0.02, 0.02]);
    const { requests } = world;
    const admitted = admittedIn(world, 0, MINUTE);
    expect(admitted / (world.requests - requests)).to.be.above(0.93);
  });

  for (const [perMinute, processes, everyMs] of [
    [10, 2, 2_000],
    [10, 3, 3_000],
    [3, 2, 5_000],
    [60, 2, 500],
  ] as const) {
    it(`admit ${perMinute} in a minute, however seldom they are asked for: by ${processes} every ${everyMs} ms (seed ${seed})`, () => {
      const world = new World({ seed, limits: [{ perSecond: perMinute / 60, burst: 10 }] });
      for (let n = 0; n < processes; n++) world.start(everyMs, true);
      world.timeline.run(5 * MINUTE);
      expect(admittedIn(world, 0, 20 * MINUTE)).to.be.within(18 * perMinute, 20 * perMinute + 10);
      expect(world.excess).to.be.at.most(0);
    });
  }

  it(`follow the requests to another process (seed ${seed})`, () => {
    const world = asked({ perSecond: 100, burst: 30 }, [2.7, 0.01, 0.01]);
    world.processes[0]!.isIdle = true;
    world.start(SECOND / 270, true);
    world.timeline.run(world.timeline.now + DIVIDED);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, 0, SECOND)).to.be.within(95, 103);
    expect(world.excess).to.be.at.most(0);
  });

  it(`move the only permit of a burst of one to where it is asked for (seed ${seed})`, () => {
    const world = asked({ perSecond: 20, burst: 1 }, [50, 0.001, 0.001]);
    expect(admittedIn(world, 0, 10 * SECOND)).to.be.within(190, 201);
    expect(world.excess).to.be.at.most(0);
  });

  it(`need at most twenty messages per second and process (seed ${seed})`, () => {
    const world = asked({ perSecond: 100, burst: 30 }, [2.7, 0.27, 0.03]);
    const before = world.network.messages;
    world.timeline.run(world.timeline.now + MINUTE);
    expect((world.network.messages - before) / 3 / 60).to.be.below(20);
  });

  it(`need at most eight messages per second and process (seed ${seed})`, () => {
    const world = new World({ seed, limits: [{ perSecond: 100, burst: 30 }] });
    for (let n = 0; n < 20; n++) world.start(1_000);
    world.timeline.run(MINUTE);
    expect(world.processes.every(({ member }) => member.isActive)).to.equal(true);
    expect(world.network.messages / 20 / 60).to.be.below(8);
  });
});
