import { expect } from 'chai';
import fc from 'fast-check';
import { mayPipeline, PIPELINE_MS, sessionsNeeded } from '#src/db/pipelining.js';
import { StatementCost } from '#src/db/statement-cost.js';

interface Sent {
  readonly costMs: number;
  readonly expectedMs: number;
}

/** Sessions in virtual time: each works on what was sent to it in order, as a server does. */
class Session {
  readonly #pending: Sent[] = [];
  #beganAt = 0;

  get sent(): readonly Sent[] {
    return this.#pending;
  }

  mayPipeline(now: number): boolean {
    const owedMs = this.#pending.reduce((sum, { expectedMs }) => sum + expectedMs, 0);
    return mayPipeline(this.#pending.length, owedMs, now - this.#beganAt);
  }

  /** @returns what the statement has before it, in milliseconds that it will really take */
  send(sent: Sent, now: number): number {
    if (this.#pending.length === 0) this.#beganAt = now;
    const before = this.#pending.reduce((sum, { costMs }) => sum + costMs, 0);
    this.#pending.push(sent);
    return Math.max(0, before - (now - this.#beganAt));
  }

  work(now: number): void {
    for (let [first] = this.#pending; first !== undefined && now - this.#beganAt >= first.costMs; ) {
      this.#beganAt += first.costMs;
      this.#pending.shift();
      [first] = this.#pending;
    }
  }
}

describe('pipelining', () => {
  it('permits any statement on an idle session, and hundreds of quick ones', () => {
    expect(mayPipeline(0, 1e9, 1e9)).to.equal(true);
    expect(mayPipeline(100, 100 * 0.2, 0.2)).to.equal(true);
    expect(mayPipeline(1_000, 0, 0)).to.equal(false);
    expect(mayPipeline(1, PIPELINE_MS + 1, 0)).to.equal(false);
    expect(mayPipeline(1, 0, PIPELINE_MS + 1)).to.equal(false);
  });

  it('never makes a statement wait for long behind statements whose times are known', () => {
    const arrivals = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 5 }),
        costMs: fc.constantFrom(0.2, 1, 3, 15, 50, 1_000),
      }),
      { minLength: 1, maxLength: 200 },
    );
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 4 }), (statements, count) => {
        const sessions = Array.from({ length: count }, () => new Session());
        let now = 0;
        for (const { afterMs, costMs } of statements) {
          now += afterMs;
          for (const session of sessions) session.work(now);
          const session = sessions.find((each) => each.mayPipeline(now));
          if (session === undefined) {
            expect(sessions.every(({ sent }) => sent.length > 0)).to.equal(true);
            continue;
          }
          expect(session.send({ costMs, expectedMs: costMs }, now)).to.be.at.most(PIPELINE_MS);
        }
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('is limited by the statement under way if times are not known', () => {
    const slow = new Session();
    let behind = 0;
    for (let now = 0; now < 1_000; now++) {
      if (slow.mayPipeline(now)) behind += slow.send({ costMs: 1_000, expectedMs: 0.2 }, now) > 0 ? 1 : 0;
    }
    expect(behind).to.be.at.most(PIPELINE_MS);
  });

  it('needs no more sessions than there are statements that wait', () => {
    const needed = [20, 400, 10_000, 100_000].map((owedMs) => sessionsNeeded(100, owedMs));
    expect(needed).to.deep.equal([1, 4, 100, 100]);
  });

  it('learns a longer time from several statements, not from a single one', () => {
    const cost = new StatementCost();
    for (let i = 0; i < 100; i++) cost.learn(0.1);
    expect(cost.ms).to.be.within(0.1, 0.2);
    cost.learn(100);
    expect(cost.ms).to.be.lessThan(PIPELINE_MS);
    for (let i = 0; i < 3; i++) cost.learn(100);
    expect(cost.ms).to.be.greaterThan(PIPELINE_MS);
  });
});
