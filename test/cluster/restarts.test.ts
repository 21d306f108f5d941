import { expect } from 'chai';
import { RESTART_LIMITS, Restarts, restartDelay } from '#src/cluster/restarts.js';

describe('restarts of a worker', () => {
  it('wait for 100 ms, doubling up to 5 s, between threads that served for a short time', () => {
    expect([0, 1, 2, 3, 6, 7, 50].map(restartDelay)).to.deep.equal([0, 100, 200, 400, 3_200, 5_000, 5_000]);
    const restarts = new Restarts(RESTART_LIMITS);
    expect([0, 0, 0].map((served) => restarts.ended(served).delayMs)).to.deep.equal([100, 200, 400]);
  });

  it('wait less by the time that the thread has served', () => {
    const restarts = new Restarts(RESTART_LIMITS);
    expect([70, 300, 300].map((served) => restarts.ended(served).delayMs)).to.deep.equal([30, 0, 100]);
  });

  it('are immediate after a thread that served for long, which also resets the delay', () => {
    const restarts = new Restarts(RESTART_LIMITS);
    restarts.ended(1);
    restarts.ended(1);
    expect(restarts.ended(RESTART_LIMITS.longLifeMs + 1).delayMs).to.equal(0);
    expect(restarts.ended(0).delayMs).to.equal(100);
  });

  it('are hopeless once eight threads in a row have never served, and not before', () => {
    const restarts = new Restarts(RESTART_LIMITS);
    const verdicts = Array.from({ length: 8 }, () => restarts.ended(1).isHopeless);
    expect(verdicts).to.deep.equal([...Array<boolean>(7).fill(false), true]);
  });

  it('are hopeless only after eight times as many threads when these end for lack of file descriptors', () => {
    const restarts = new Restarts(RESTART_LIMITS);
    const verdicts = Array.from({ length: 64 }, () => restarts.ended(0, true).isHopeless);
    expect(verdicts).to.deep.equal([...Array<boolean>(63).fill(false), true]);
  });

  it('are not hopeless again after a thread that served', () => {
    const restarts = new Restarts(RESTART_LIMITS);
    for (let life = 0; life < 100; life += 1) {
      expect(restarts.ended(1).isHopeless).to.equal(false);
      restarts.ready();
    }
  });
});
