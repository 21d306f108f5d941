// Two properties of every cell with a clock, at every age and after every silence: it is safe, and
// it makes progress. Rate limits and the retry budget have tests of their own.
import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { BreakerCells, REFUSED } from '#src/memory/breaker/breaker-cell.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { elapsed, toWord } from '#src/memory/elapsed.js';
import { readWorker, sinceHeartbeat, WorkerRow } from '#src/memory/worker-row.js';
import { ejectionRule } from '#src/resilience/ejection.js';
import type { AttemptOutcome } from '#src/resilience/policy.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { AGES_MS, DAY_MS, SILENCES_MS } from './ages.js';

const EJECTED_MS = 30_000;

/** @param check gets a slot that no test has used */
function eachAge(check: (ageMs: number, silenceMs: number, slot: number) => void): void {
  let slot = 0;
  for (const age of AGES_MS) {
    for (const silence of SILENCES_MS) {
      try {
        check(age, silence, slot++);
      } catch (error) {
        const when = `at ${age / DAY_MS} days, behind a silence of ${silence / 1_000} s`;
        throw new Error(`${when}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
}

/** @param meanwhile called once a day */
function pass(time: { now: number }, ms: number, meanwhile: () => void): void {
  const end = time.now + ms;
  while (time.now < end) {
    time.now = Math.min(end, time.now + DAY_MS);
    meanwhile();
  }
}

describe('at any age of the process and after any silence', () => {
  const block = Block.create({ workers: 1 });

  it('a breaker counts only recent calls, opens, admits probes and closes', () => {
    eachAge((age, silence, slot) => {
      const time = { now: age };
      const cells = new BreakerCells(block, 1, DEFAULT_TRIP_RULE, () => time.now);
      const call = (outcome: AttemptOutcome): boolean => {
        const ticket = cells.admit(slot);
        if (ticket !== REFUSED) cells.settle(slot, ticket, outcome);
        return ticket !== REFUSED;
      };
      const state = () => cells.state(slot).state;
      for (let n = 0; n < 19; n++) call('failure');
      time.now += Math.max(silence, 10_000);
      call('failure');
      expect(cells.state(slot)).to.deep.equal({ state: 'closed', calls: 1, failures: 1 });
      for (let n = 0; n < 19; n++) call('failure');
      expect(state()).to.equal('open');
      expect(call('success')).to.equal(false);
      time.now += silence + DEFAULT_TRIP_RULE.openMs;
      // A breaker that is not refreshed, and whose open period ended 49.7 days ago, may begin another one.
      if (!call('success')) time.now += DEFAULT_TRIP_RULE.openMs;
      for (let n = 0; n < 3; n++) call('success');
      expect(state()).to.equal('closed');
    });
  });

  it('an instance is ejected for its time, and comes back', () => {
    eachAge((age, silence, slot) => {
      const time = { now: age };
      const cells = new EjectionCells(block, ejectionRule(EJECTED_MS), () => time.now);
      for (let n = 0; n < 5; n++) if (cells.failed(slot)) cells.eject(slot, () => true);
      expect(cells.isEjected(slot)).to.equal(true);
      time.now += EJECTED_MS - 1;
      expect(cells.isEjected(slot)).to.equal(true);
      time.now += 1 + silence;
      if (cells.isEjected(slot)) time.now += EJECTED_MS;
      expect(cells.isEjected(slot)).to.equal(false);
    });
  });

  it('a breaker that is refreshed from time to time is open for as long as its rule says, however long that is', () => {
    eachAge((age, silence, slot) => {
      const time = { now: age };
      const rule = { ...DEFAULT_TRIP_RULE, openMs: DAY_MS, probeMs: DAY_MS };
      const [cells, primary] = [1, 0].map((thread) => new BreakerCells(block, thread, rule, () => time.now));
      for (let n = 0; n < 20; n++) cells!.settle(slot, cells!.admit(slot), 'failure');
      pass(time, DAY_MS - 1, () => primary!.refresh(slot));
      expect(cells!.admit(slot)).to.equal(REFUSED);
      pass(time, 1 + silence, () => primary!.refresh(slot));
      expect(cells!.retryInMs(slot)).to.equal(0);
      // Lost probes expire after their time, and the breaker opens once more.
      for (let n = 0; n < 3; n++) expect(cells!.admit(slot)).not.to.equal(REFUSED);
      pass(time, 3 * DAY_MS + silence, () => primary!.refresh(slot));
      expect(cells!.admit(slot)).not.to.equal(REFUSED);
    });
  });

  it('a healthy instance that is swept from time to time is ejected for no longer than the first time', () => {
    const quiet = Block.create({ workers: 1 });
    eachAge((age, silence, slot) => {
      const time = { now: age };
      const cells = new EjectionCells(quiet, ejectionRule(EJECTED_MS), () => time.now);
      const eject = () => {
        for (let n = 0; n < 5; n++) if (cells.failed(slot)) cells.eject(slot, () => true);
        return cells.state(slot);
      };
      for (let n = 1; n <= 3; n++) {
        expect(eject()).to.deep.include({ state: 'ejected', times: n });
        time.now += 3 * EJECTED_MS + 10_000;
        cells.sweep();
      }
      pass(time, DAY_MS + silence, () => {
        cells.succeeded(slot);
        cells.sweep();
      });
      expect(eject()).to.deep.equal({ state: 'ejected', leftMs: EJECTED_MS, times: 1 });
    });
  });

  it('a worker publishes the last turn of its event loop, and the begin of its handler', () => {
    eachAge((age, silence) => {
      const row = new WorkerRow(block, 1);
      row.leaveRoute(0);
      row.beat(age);
      row.enterRoute(3, age);
      const now = age + Math.min(silence, 2 ** 32 - 2_000);
      expect(sinceHeartbeat(block, 1, now)).to.be.within(now - age - 1, now - age + 1);
      expect(elapsed(toWord(now), readWorker(block, 1).currentSince)).to.be.within(
        now - age - 1,
        now - age + 1,
      );
    });
  });
});
