import { expect } from 'chai';
import { Backlog, noShare } from '#src/resilience/backlog.js';

describe('the backlog of a thread', () => {
  it('grows by what is admitted and shrinks by the time that passes, never below nothing', () => {
    const backlog = new Backlog();
    backlog.add(10, noShare());
    backlog.add(20, noShare());
    expect([backlog.ms, backlog.largestMs]).to.deep.equal([30, 20]);
    backlog.turn(12, 30);
    expect([backlog.ms, backlog.startMs, backlog.largestMs]).to.deep.equal([18, 18, 20]);
    backlog.turn(1_000, 30);
    expect([backlog.ms, backlog.largestMs]).to.deep.equal([0, 0]);
  });

  it('is never longer than what is in flight: a request that has left has nothing left to do', () => {
    const backlog = new Backlog();
    const share = noShare();
    for (let n = 0; n < 10; n++) backlog.add(10, share);
    backlog.turn(1, 30);
    expect([backlog.ms, backlog.startMs]).to.deep.equal([30, 30]);
    expect(backlog.of(share)).to.be.closeTo(30, 1e-9);
    backlog.turn(1, 0);
    expect([backlog.ms, backlog.of(share)]).to.deep.equal([0, 0]);
  });

  it('knows how much of it each route has, in proportion', () => {
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

  it('keeps the shares right over any number of turns in which it is never empty', () => {
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
