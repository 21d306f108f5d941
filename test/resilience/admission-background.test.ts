// Threads that do other work than requests: timers, WebSockets, consumers of queues.
import { expect } from 'chai';
import type { AdmissionGate } from '#src/resilience/admission.js';
import { setUp, teach, type World } from './admission-world.js';

const BEAT_MS = 50;
const PERIOD_MS = 10;
const COST_MS = 1;
const WAIT_MS = 30;

/** Lets time pass in which the thread does background work for this share of every 10 ms. */
function pass({ loop, admission }: World, ms: number, share: number): void {
  for (let passed = 0; passed < ms; passed += PERIOD_MS) {
    loop.sleep(PERIOD_MS * (1 - share));
    loop.work(PERIOD_MS * share);
    if ((passed + PERIOD_MS) % BEAT_MS === 0) admission.beat();
  }
}

/**
 * Makes requests that begin together, wait, and then work.
 * @returns the number of those that were admitted
 */
function wave(world: World, gate: AdmissionGate, requests: number, share: number): number {
  let admitted = 0;
  world.loop.sleep(1);
  for (let n = 0; n < requests; n++) admitted += gate.enter() > 0 ? 1 : 0;
  pass(world, WAIT_MS, share);
  for (let n = 0; n < admitted; n++) {
    world.loop.work(COST_MS);
    gate.leave();
  }
  world.loop.turn();
  return admitted;
}

describe('admission in a thread that does other work', () => {
  for (const share of [0, 0.05, 0.15, 0.2, 0.25, 0.3]) {
    it(`rejects nothing after a quiet time: ${share * 100} % other work, 30 % requests`, () => {
      const world = setUp();
      const gate = world.admission.gate('normal', 'route');
      teach(world, gate, COST_MS);
      for (let n = 0; n < 60; n++) {
        pass(world, 5_000, share);
        expect(wave(world, gate, 1, share)).to.equal(1);
      }
      for (let n = 0; n < 30; n++) {
        pass(world, 50, share);
        expect(wave(world, gate, 30, share), `wave ${n}`).to.equal(30);
      }
    });
  }
});
