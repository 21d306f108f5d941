import { expect } from 'chai';
import { PoolUsage } from '#src/cpu/pool-usage.js';

describe('the utilization of the CPU pool', () => {
  let now: number;
  let usage: PoolUsage;

  beforeEach(() => {
    now = 1_000;
    usage = new PoolUsage(4, () => now);
  });

  function pass(ms: number): void {
    now += ms;
  }

  it('is the share of the time of all threads in which they run tasks', () => {
    expect(usage.ratio).to.equal(0);
    pass(1_000);
    usage.set({ running: 4 });
    pass(1_000);
    expect(usage.ratio).to.equal(0.5);
    usage.set({ running: 2 });
    pass(2_000);
    expect(usage.ratio).to.equal(0.5);
  });

  it('covers the last seconds only', () => {
    usage.set({ running: 4 });
    for (let n = 0; n < 5; n++) {
      pass(5_000);
      expect(usage.ratio).to.equal(1);
    }
    usage.set({ running: 0 });
    pass(1_000);
    expect(usage.ratio).to.equal(5 / 6);
    pass(5_000);
    expect(usage.ratio).to.equal(0);
  });

  it('covers the last seconds as well when nothing has read it for long', () => {
    for (const idleMs of [4_900, 30_000, 86_400_000]) {
      usage.set({ running: 0 });
      expect(usage.recent).to.be.within(0, 1);
      pass(idleMs);
      // Four tasks of 200 ms at a time, for six seconds.
      for (let n = 0; n < 30; n++) {
        usage.set({ running: 4 });
        pass(200);
      }
      expect(usage.recent, `after ${idleMs} ms`).to.be.above(0.5);
      pass(6_000);
      expect(usage.recent).to.equal(1);
    }
  });

  it('follows the number of threads, and is never above 1', () => {
    usage.set({ running: 2 });
    pass(1_000);
    usage.set({ threads: 1 });
    pass(1_000);
    expect(usage.ratio).to.equal(4_000 / 5_000);
    pass(100_000);
    expect(usage.ratio).to.equal(1);
  });
});
