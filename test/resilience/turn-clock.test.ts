import { expect } from 'chai';
import { TurnClock } from '#src/resilience/turn-clock.js';
import { ManualLoop } from './manual-loop.js';

function setUp() {
  const loop = new ManualLoop();
  const clock = new TurnClock(loop);
  return { loop, clock };
}

describe('turns of the event loop', () => {
  it('begin with the first request after every wait of the loop, without a callback', () => {
    const { loop, clock } = setUp();
    for (let n = 0; n < 5; n++) {
      loop.sleep(10);
      loop.work(3);
      expect(clock.hasTurned()).to.equal(true);
      expect([clock.elapsedMs, clock.sleptMs]).to.deep.equal([13, 10]);
    }
    expect(loop.waiting).to.equal(0);
  });

  it('end with their poll phase when the loop does not wait, for one callback each', () => {
    const { loop, clock } = setUp();
    loop.sleep(1);
    expect(clock.hasTurned()).to.equal(true);
    for (let turn = 0; turn < 3; turn++) {
      for (let request = 0; request < 100; request++) {
        loop.work(0.02);
        expect(clock.hasTurned()).to.equal(false);
      }
      expect(loop.waiting).to.equal(1);
      loop.work(20);
      loop.turn();
      expect(clock.hasTurned()).to.equal(true);
      expect(clock.elapsedMs).to.be.closeTo(22, 1e-9);
    }
  });

  it('begin again after a long step that was not tracked', () => {
    const { loop, clock } = setUp();
    loop.sleep(1);
    clock.hasTurned();
    loop.work(300);
    loop.turn();
    expect(clock.hasTurned()).to.equal(true);
    expect([clock.elapsedMs, clock.sleptMs]).to.deep.equal([300, 0]);
  });

  it('run until the loop waits', () => {
    const { loop, clock } = setUp();
    loop.sleep(1);
    clock.hasTurned();
    loop.work(40);
    expect(clock.runningMs(loop.now())).to.equal(40);
    loop.turn();
    loop.work(40);
    expect(clock.runningMs(loop.now()), 'timers belong to it').to.equal(80);
    loop.sleep(1);
    expect(clock.runningMs(loop.now())).to.equal(0);
  });

  it('measure the time of all their requests, except the longest', () => {
    const { loop, clock } = setUp();
    loop.sleep(1);
    clock.hasTurned();
    for (let request = 0; request < 30; request++) {
      loop.work(request === 20 ? 300 : 5);
      clock.hasTurned();
      clock.spentMs();
    }
    // The first eight requests were one step, shorter than the longest one.
    expect(clock.spentMs()).to.equal(29 * 5);
    loop.sleep(1);
    clock.hasTurned();
    expect(clock.spentMs()).to.equal(0);
  });
});
