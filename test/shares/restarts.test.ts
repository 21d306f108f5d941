// Limits over processes in virtual time, whose processes are killed and started again.
import { expect } from 'chai';
import { LAPSE_MS } from '#src/shares/membership.js';
import { collect } from '#test/support/collected.js';
import { newSeed } from '#test/support/random.js';
import type { SimProcess } from './simulation/sim-process.js';
import { inheritedTwice, overtaken, restarted } from './simulation/storm.js';
import { World } from './simulation/world.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Seconds after which the members know each other, or a process goes on in the place of another one. */
const SETTLED = 5 * SECOND;
/** Seconds after which they have divided what is asked for. */
const DIVIDED = 20 * SECOND;
const LIMIT = { perSecond: 100, burst: 30 } as const;

describe('limits over processes that are killed and started again, simulated', () => {
  const seed = newSeed();
  // Each process that is started has blocks of its own.
  afterEach(() => collect());

  const three = (): World => {
    const world = new World({ seed, limits: [LIMIT] });
    for (let n = 0; n < 3; n++) world.start(10, true);
    world.timeline.run(SETTLED);
    return world;
  };
  const kill = (process: SimProcess): void => {
    process.isKilled = true;
  };
  const admittedIn = (world: World, ms: number): number => {
    const [ledger] = world.ledgers;
    const before = ledger!.admitted;
    world.timeline.run(world.timeline.now + ms);
    return ledger!.admitted - before;
  };

  it('admit at most B + N*t when a process that has spent its burst is started again', () => {
    expect(restarted().excess).to.be.at.most(0);
  });

  it(`admit at most B + N*t when a process is started again while the loan of the killed one is on its way (seed ${seed})`, () => {
    expect(overtaken({}, seed).excess).to.be.at.most(0);
  });

  it('admit at most B + N*t when a process goes on as one member after it has waited as another one', () => {
    expect(inheritedTwice().excess).to.be.at.most(0);
  });

  it(`admit N each second soon after a process was started again (seed ${seed})`, () => {
    const world = three();
    const [killed] = world.processes;
    kill(killed!);
    const next = world.restart(killed!, 10, true);
    world.timeline.run(world.timeline.now + SETTLED);
    expect(next.member.isActive).to.equal(true);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, SECOND)).to.be.within(97, 103);
    expect(world.excess).to.be.at.most(0);
  });

  it(`admit N each second soon after all processes were started again (seed ${seed})`, () => {
    const world = three();
    const all = [...world.processes];
    for (const process of all) kill(process);
    for (const process of all) world.restart(process, 10, true);
    world.timeline.run(world.timeline.now + DIVIDED);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, SECOND)).to.be.within(97, 103);
    expect(world.excess).to.be.at.most(0);
  });

  // One that ends before it has lent anything keeps its share.
  for (const [everyMs, least] of [
    [300, 73],
    [2 * SECOND, 95],
    [10 * SECOND, 95],
  ] as const) {
    it(`admit ${least} % of N while a process ends and starts again every ${everyMs} ms (seed ${seed})`, () => {
      const world = three();
      const restart = (process: SimProcess): void => {
        world.timeline.in(0.8 * everyMs, () => kill(process));
        world.timeline.in(everyMs, () => restart(world.restart(process, MINUTE)));
      };
      restart(world.start(MINUTE));
      world.timeline.run(world.timeline.now + MINUTE);
      expect(admittedIn(world, MINUTE) / 60).to.be.within(least, 100.5);
      expect(world.excess).to.be.at.most(0);
    });
  }

  for (const [livesMs, everyMs] of [
    [150, SECOND],
    [250, SECOND],
    [250, 5 * SECOND],
    [250, 30 * SECOND],
    [250, 80 * SECOND],
  ] as const) {
    it(`give a newcomer its share while a process lives ${livesMs} ms every ${everyMs / SECOND} s (seed ${seed})`, () => {
      const world = three();
      let process = world.processes[0]!;
      const restart = (): void => {
        process = world.restart(process, MINUTE);
        world.timeline.in(livesMs, () => kill(process));
        world.timeline.in(everyMs, restart);
      };
      kill(process);
      restart();
      const newcomer = world.start(10, true);
      world.timeline.run(world.timeline.now + LAPSE_MS + 2 * SETTLED);
      expect(newcomer.member.isActive).to.equal(true);
      expect(world.excess).to.be.at.most(0);
    });
  }

  it(`give a process its share when the one before it hangs at first, and is killed then (seed ${seed})`, () => {
    const world = three();
    const [hanging] = world.processes;
    hanging!.isPaused = true;
    const next = world.restart(hanging!, 10, true);
    world.timeline.run(world.timeline.now + SETTLED);
    expect(next.member.isActive).to.equal(false);
    kill(hanging!);
    world.timeline.run(world.timeline.now + SETTLED);
    expect(next.member.isActive).to.equal(true);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, SECOND)).to.be.within(97, 103);
    expect(world.excess).to.be.at.most(0);
  });

  it(`leave the share of a killed process alone on another machine (seed ${seed})`, () => {
    const world = three();
    kill(world.processes[0]!);
    const elsewhere = world.start(10, true);
    world.timeline.run(world.timeline.now + MINUTE);
    expect(elsewhere.member.isActive).to.equal(false);
    world.timeline.run(world.timeline.now + MINUTE);
    expect(elsewhere.member.isActive).to.equal(true);
    expect(world.excess).to.be.at.most(0);
  });

  it(`give each share to one of several processes that are started at once (seed ${seed})`, () => {
    const world = three();
    const [killed] = world.processes;
    kill(killed!);
    const next = [10, 10, 10].map((everyMs) => world.restart(killed!, everyMs, true));
    world.timeline.run(world.timeline.now + 2 * SETTLED);
    expect(next.map(({ member }) => member.isActive)).to.deep.equal([true, true, true]);
    for (let n = 0; n < 20; n++) expect(admittedIn(world, SECOND)).to.be.within(97, 103);
    expect(world.excess).to.be.at.most(0);
  });
});
