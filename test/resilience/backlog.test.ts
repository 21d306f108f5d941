import { expect } from 'chai';
import { Backlog, noShare } from '#src/resilience/backlog.js';
import { seeded } from '#test/support/random.js';

describe('the backlog of a thread', () => {
  it('grows by admitted work and shrinks by the time that passes, never below zero', () => {
    const backlog = new Backlog();
    backlog.add(10, noShare());
    backlog.add(20, noShare());
    expect([backlog.ms, backlog.largestMs]).to.deep.equal([30, 20]);
    backlog.turn(12, 30);
    expect([backlog.ms, backlog.startMs, backlog.largestMs]).to.deep.equal([18, 18, 20]);
    backlog.turn(1_000, 30);
    expect([backlog.ms, backlog.largestMs]).to.deep.equal([0, 0]);
  });

  it('is never longer than the cost of the requests in flight', () => {
    const backlog = new Backlog();
    const share = noShare();
    for (let n = 0; n < 10; n++) backlog.add(10, share);
    backlog.turn(1, 30);
    expect([backlog.ms, backlog.startMs]).to.deep.equal([30, 30]);
    expect(backlog.of(share)).to.be.closeTo(30, 1e-9);
    backlog.turn(1, 0);
    expect([backlog.ms, backlog.of(share)]).to.deep.equal([0, 0]);
  });

  it('keeps the share of each route, in proportion', () => {
    const backlog = new Backlog();
    const [one, other] = [noShare(), noShare()];
    backlog.add(30, one);
    backlog.add(10, other);
    backlog.turn(20, 100);
    expect([backlog.of(one), backlog.of(other)]).to.deep.equal([15, 5]);
    backlog.add(5, other);
    expect([backlog.of(one), backlog.of(other), backlog.ms]).to.deep.equal([15, 10, 25]);
    backlog.turn(25, 100);
    expect([backlog.of(one), backlog.of(other)]).to.deep.equal([0, 0]);
    backlog.add(1, one);
    expect([backlog.of(one), backlog.of(other)]).to.deep.equal([1, 0]);
  });

  it('counts work that is done for its route until the turn is over', () => {
    const random = seeded(3);
    const backlog = new Backlog();
    const shares = [noShare(), noShare(), noShare()];
    const sharesMs = (): number => shares.reduce((sum, share) => sum + backlog.of(share), 0);
    for (let turn = 0; turn < 1_000; turn++) {
      let doneMs = 0;
      for (let n = 0; n < 10; n++) {
        const [costMs, share] = [10 * random(), shares[Math.floor(random() * 3)]!];
        const before = backlog.of(share);
        backlog.add(costMs, share);
        if (random() < 0.5) {
          backlog.done(costMs);
          doneMs += costMs;
        }
        expect(backlog.of(share)).to.be.closeTo(before + costMs, 1e-6);
        expect(sharesMs()).to.be.closeTo(backlog.ms + doneMs, 1e-6);
      }
      backlog.turn(20 + 20 * random(), 1e9);
      expect(sharesMs()).to.be.closeTo(backlog.ms, 1e-6);
    }
  });

  it('keeps the shares correct over any number of turns in which it is never empty', () => {
    const backlog = new Backlog();
    const [one, other] = [noShare(), noShare()];
    for (let turn = 0; turn < 100_000; turn++) {
      backlog.add(6, one);
      backlog.add(3, other);
      backlog.turn(turn % 2 === 0 ? 8.9 : 9, 1e9);
    }
    expect(backlog.of(one) + backlog.of(other)).to.be.closeTo(backlog.ms, 0.001 * backlog.ms);
    expect(backlog.of(one) / backlog.of(other)).to.be.closeTo(2, 0.01);
  });
});
