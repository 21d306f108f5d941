// Times without requests, and pauses of any length, must leave no trace in the state of a thread.
import { expect } from 'chai';
import { AdmissionCells, readAdmission } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { Admission } from '#src/resilience/admission.js';
import { TUNING } from '#src/resilience/overload-tuning.js';
import { ManualLoop } from './manual-loop.js';

const BEAT_MS = 50;
const HOUR_MS = 60 * 60 * 1_000;

function setUp() {
  const loop = new ManualLoop();
  const block = Block.create({ workers: 1 });
  const cells = new AdmissionCells(block, 1);
  const admission = new Admission({ cells, onRefused() {}, most: 10_000, isAdaptive: true, loop });
  const gates = new Map<string, ReturnType<Admission['gate']>>();
  const request = (costMs: number, route = 'route'): boolean => {
    const gate = gates.get(route) ?? admission.gate('normal', route);
    gates.set(route, gate);
    if (gate.enter() === 0) return false;
    loop.work(costMs);
    gate.leave(true);
    return true;
  };
  return {
    loop,
    boundMs: () => readAdmission(block, 1).boundMs,
    beat: () => admission.beat(),
    request,

    /** Makes one request in every turn, and a little other work at each beat. */
    busy(ms: number, costMs: number, everyMs: number): void {
      let beatAt = loop.now();
      for (const until = loop.now() + ms; loop.now() < until; ) {
        loop.sleep(everyMs);
        request(costMs);
        if (loop.now() - beatAt < BEAT_MS) continue;
        loop.turn();
        loop.work(0.1);
        admission.beat();
        beatAt = loop.now();
      }
    },

    quiet(ms: number, backgroundMs: number): void {
      for (let passed = 0; passed < ms; passed += BEAT_MS) {
        loop.sleep(BEAT_MS - backgroundMs);
        loop.work(backgroundMs);
        admission.beat();
      }
      loop.sleep(1);
    },

    /** @returns the work that is admitted of a burst that one poll finds */
    burst(costMs: number, route = 'route'): number {
      let admitted = 0;
      while (admitted < 5_000 && request(costMs, route)) admitted++;
      return admitted * costMs;
    },
  };
}

/** The time that a turn may take when its requests are done where they are admitted. */
const ONE_TURN_MS = 0.55 * TUNING.burstMs;

describe('a burst', () => {
  for (const backgroundMs of [0, 0.1, 5, 30, 45]) {
    it(`is the same after any time without a request, with ${backgroundMs} ms of other work in each beat`, () => {
      for (const seconds of [1, 10, 60, 900]) {
        const world = setUp();
        world.busy(10_000, 2, 8);
        world.quiet(seconds * 1_000, backgroundMs);
        // The work of the thread since the last beat may look like a pause.
        const most = ONE_TURN_MS + BEAT_MS + 20;
        expect(world.burst(2), `${seconds} s`).to.be.within(ONE_TURN_MS - 5, most);
      }
    });
  }

  for (const [name, isBeat] of [
    ['before a beat', true],
    ['behind one', false],
  ] as const) {
    it(`may be longer after a pause ${name}, by the requests that arrived in it, until the loop has waited`, () => {
      for (const seconds of [0, 1, 300]) {
        const [world, another] = [setUp(), setUp()];
        for (const one of [world, another]) {
          one.busy(10_000, 2, 8);
          one.quiet(seconds * 1_000, 0.1);
          one.loop.work(300);
          if (isBeat) one.beat();
        }
        expect(world.burst(2), `${seconds} s`).to.be.within(ONE_TURN_MS + 290, ONE_TURN_MS + 360);
        another.quiet(300, 0.1);
        expect(another.burst(2), `${seconds} s, waited`).to.be.within(ONE_TURN_MS - 5, ONE_TURN_MS + 30);
      }
    });
  }
});

describe('a burst of requests of little-used routes', () => {
  it('is the same after a pause that has come while one of them ran', () => {
    const most = (pauseMs: number): number => {
      const world = setUp();
      const { loop, request } = world;
      world.busy(5_000, 0.4, 10);
      for (let route = 0; route < 30; route++) {
        loop.sleep(20);
        request(route === 15 ? 2 + pauseMs : 2, `route ${route}`);
        if (route % 2 === 0) world.beat();
      }
      world.quiet(1_000, 0.1);
      return world.burst(2, 'another route');
    };
    const usual = most(0);
    for (const pauseMs of [900, 5_000, HOUR_MS]) {
      expect(most(pauseMs), `${pauseMs} ms`).to.be.within(0.5 * usual, 1.5 * usual);
    }
  });
});

describe('the work that a thread may owe', () => {
  for (const [costMs, everyMs] of [
    [0.4, 2],
    [0.4, 20],
    [1.5, 2],
    [5, 200],
  ] as const) {
    it(`is the same after a pause of any length, beside requests of ${costMs} ms every ${everyMs} ms`, () => {
      for (const pauseMs of [200, 900, 5_000, HOUR_MS]) {
        const world = setUp();
        const { loop, request, boundMs } = world;
        world.busy(20_000, costMs, everyMs);
        const before = boundMs();
        for (let pauses = 0; pauses < 3; pauses++) {
          loop.sleep(everyMs);
          request(costMs + pauseMs);
          world.busy(500, costMs, everyMs);
          expect(boundMs(), `${pauseMs} ms`).to.be.within(before, 1.5 * before);
          world.busy(30_000, costMs, everyMs);
          expect(boundMs(), `${pauseMs} ms, later`).to.be.within(before, 1.2 * before);
        }
      }
    });
  }
});
