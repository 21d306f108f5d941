import { expect } from 'chai';
import fc from 'fast-check';
import { GRAIN_MS, TimerWheel } from '#src/server/timer-wheel.js';
import { ManualTicker } from './kit.js';

function wheelOf(): { wheel: TimerWheel; ticker: ManualTicker; failures: unknown[] } {
  const failures: unknown[] = [];
  const ticker = new ManualTicker();
  return { wheel: new TimerWheel((error) => failures.push(error), ticker), ticker, failures };
}

describe('timer wheel', () => {
  it('rings once, never early and at most a grain late', () => {
    const { wheel, ticker } = wheelOf();
    let rung = 0;
    wheel.after(100, () => rung++);
    ticker.advance(99);
    expect(rung).to.equal(0);
    ticker.advance(1 + GRAIN_MS);
    expect(rung).to.equal(1);
    ticker.advance(10_000);
    expect(rung).to.equal(1);
  });

  it('does not tick without alarms', () => {
    const { wheel, ticker } = wheelOf();
    expect(ticker.ticking).to.equal(false);
    const alarm = wheel.after(50, () => {});
    wheel.after(10, () => {});
    expect(ticker.ticking).to.equal(true);
    ticker.advance(20);
    alarm.cancel();
    expect(wheel.size).to.equal(0);
    ticker.advance(GRAIN_MS);
    expect(ticker.ticking).to.equal(false);
  });

  it('starts one ticker for all alarms that come and go between two turns', () => {
    const { wheel, ticker } = wheelOf();
    for (let i = 0; i < 100; i += 1) wheel.after(50, () => {}).cancel();
    expect(ticker.started).to.equal(1);
  });

  it('rings an alarm in time that comes when the ticker is about to stop', () => {
    const { wheel, ticker } = wheelOf();
    wheel.after(500, () => {}).cancel();
    let rung = 0;
    wheel.after(GRAIN_MS, () => rung++);
    ticker.advance(2 * GRAIN_MS);
    expect([rung, ticker.ticking, ticker.started]).to.deep.equal([1, false, 1]);
  });

  it('does not ring an alarm that was cancelled, even by another alarm of the same turn', () => {
    const { wheel, ticker } = wheelOf();
    const rung: string[] = [];
    wheel.after(10, () => {
      rung.push('first');
      second.cancel();
    });
    const second = wheel.after(10, () => rung.push('second'));
    const third = wheel.after(10, () => rung.push('third'));
    third.cancel();
    third.cancel();
    ticker.advance(30);
    expect(rung).to.deep.equal(['first']);
    expect(wheel.size).to.equal(0);
  });

  it('goes on when a callback throws, and reports it', () => {
    const { wheel, ticker, failures } = wheelOf();
    let rung = 0;
    wheel.after(10, () => {
      throw new Error('boom');
    });
    wheel.after(10, () => rung++);
    ticker.advance(30);
    expect([rung, failures.length]).to.deep.equal([1, 1]);
  });

  it('rings every alarm whatever its delay, even when the event loop was stalled', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 40 }),
        (delays, steps) => {
          const { wheel, ticker } = wheelOf();
          const start = ticker.now();
          const rung = delays.map(() => 0);
          for (const [i, delay] of delays.entries()) wheel.after(delay, () => rung[i]!++);
          for (const step of steps) {
            ticker.stall(step);
            const passed = ticker.now() - start;
            for (const [i, delay] of delays.entries()) {
              if (delay > passed) expect(rung[i]).to.equal(0);
              if (delay + GRAIN_MS < passed) expect(rung[i]).to.equal(1);
            }
          }
        },
      ),
    );
  });
});
