import { expect } from 'chai';
import fc from 'fast-check';
import { PARTS, WindowClock, WindowCount, WindowHistogram } from '#src/admin/views/sliding-window.js';
import { cellOf } from '#src/memory/metrics/histogram.js';
import { turnsOf } from '#test/telemetry/turns.js';

function setUp() {
  const clock = new WindowClock();
  let now = 1_000;
  const reading = (fill: () => void, afterMs = 1_000): void => {
    clock.begin();
    fill();
    now += afterMs;
    clock.end(now);
  };
  const readingInTurns = async (fill: () => Promise<void>, afterMs: number): Promise<void> => {
    clock.begin();
    await fill();
    now += afterMs;
    clock.end(now);
  };
  return { clock, reading, readingInTurns };
}

describe('a sliding window', () => {
  it('is empty after the first reading, whose counts are totals only', () => {
    const { clock, reading } = setUp();
    const count = new WindowCount(clock);
    expect(count.perSecond).to.equal(0);
    reading(() => count.add(1_000));
    expect([count.total, count.recent, count.perSecond, clock.seconds]).to.deep.equal([1_000, 0, 0, 0]);
  });

  it('has the counts of the last ten readings, by the time that they took', () => {
    const { clock, reading } = setUp();
    const count = new WindowCount(clock);
    reading(() => count.add(7));
    reading(() => count.add(10), 500);
    expect([clock.seconds, count.perSecond]).to.deep.equal([0.5, 20]);
    for (let n = 1; n < PARTS; n++) reading(() => count.add(10));
    expect([clock.seconds, count.recent]).to.deep.equal([9.5, 100]);
    reading(() => count.add(1));
    expect([clock.seconds, count.recent, count.total]).to.deep.equal([10, 91, 108]);
  });

  it('has no part that it does not need, where readings are far apart', () => {
    const { clock, reading } = setUp();
    const count = new WindowCount(clock);
    reading(() => undefined);
    for (let n = 1; n <= 5; n++) reading(() => count.add(n), 15_000);
    expect([clock.seconds, count.recent]).to.deep.equal([30, 9]);
    for (let n = 0; n < 11; n++) reading(() => count.add(100));
    expect([clock.seconds, count.recent, count.total]).to.deep.equal([10, 1_000, 1_115]);
  });

  it('is empty again when nothing was counted for its length', () => {
    const { clock, reading } = setUp();
    const durations = new WindowHistogram(clock);
    reading(() => undefined);
    reading(() => durations.record(cellOf(3_000), 4));
    for (let n = 0; n < PARTS - 1; n++) reading(() => undefined);
    expect(durations.count.recent).to.equal(4);
    reading(() => undefined);
    expect(durations.count.recent).to.equal(0);
    expect([...durations.recent].every((n) => n === 0)).to.equal(true);
    expect(durations.quantileMs(0.5)).to.equal(null);
    expect(durations.totalQuantileMs(1)).to.equal(0);
  });

  it('keeps its counts right over many turns of the ring', () => {
    const { clock, reading } = setUp();
    const durations = new WindowHistogram(clock);
    const counted: number[] = [];
    reading(() => undefined);
    for (let n = 0; n < 95; n++) {
      const amount = (n * 7) % 5;
      reading(() => amount > 0 && durations.record(cellOf(1_000 * (1 + (n % 3))), amount));
      counted.push(amount);
      const recent = counted.slice(-PARTS).reduce((sum, one) => sum + one, 0);
      expect(durations.count.recent, `reading ${n}`).to.equal(recent);
      expect([...durations.recent].reduce((sum, one) => sum + one, 0)).to.equal(recent);
    }
  });

  it('has the counts of its parts, whenever each of many counts is used', () => {
    const steps = fc.array(
      fc.record({
        ms: fc.constantFrom(100, 1_000, 1_000, 4_000, 15_000),
        adds: fc.array(fc.tuple(fc.nat(3), fc.nat(9)), { maxLength: 4 }),
        reads: fc.array(fc.nat(3), { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const { clock, reading } = setUp();
        const counts = Array.from({ length: 4 }, () => new WindowHistogram(clock));
        const parts: { readonly ms: number; readonly counted: number[] }[] = [];
        const recentOf = (which: number): number => {
          // As many of the last parts as the window has by its length.
          let [ms, from] = [0, parts.length];
          while (from > 0 && ms < Math.round(clock.seconds * 1_000)) ms += parts[--from]!.ms;
          return parts.slice(from).reduce((sum, { counted }) => sum + counted[which]!, 0);
        };
        const expectRight = (which: number): void => {
          const { count, recent } = counts[which]!;
          expect(count.recent).to.equal(recentOf(which));
          expect([...recent].reduce((sum, n) => sum + n, 0)).to.equal(count.recent);
        };
        reading(() => counts[0]!.record(1, 5));
        for (const { ms, adds, reads } of all) {
          const counted = [0, 0, 0, 0];
          reading(() => {
            for (const [which, n] of adds) {
              if (n > 0) counts[which]!.record(which + n, n);
              counted[which]! += n;
            }
          }, ms);
          parts.push({ ms, counted });
          for (const which of reads) expectRight(which);
        }
        for (const which of counts.keys()) expectRight(which);
      }),
      { numRuns: 100 },
    );
  });

  it('adds up ten thousand windows in turns of the event loop', async () => {
    const { clock, reading } = setUp();
    const many = Array.from({ length: 10_000 }, () => new WindowHistogram(clock));
    reading(() => undefined);
    reading(() => {
      for (const one of many) one.record(cellOf(10_000), 1);
      many[0]!.reach(10_000);
    });
    const turns = await turnsOf(async () => {
      expect(await WindowHistogram.quantileMs(many, 0.5)).to.equal(10);
    });
    expect(turns).to.be.at.least(100);
  });

  it('has neither higher nor lower rates while a reading is under way, in any of its moments', async () => {
    const { clock, reading, readingInTurns } = setUp();
    const [first, second] = [new WindowHistogram(clock), new WindowHistogram(clock)];
    for (const durations of [first, second]) durations.reach(10_000);
    reading(() => undefined);
    let readings = 0;
    const expectSteady = async (when: string): Promise<void> => {
      const rates = readings === 0 ? [0, 0] : [100, 100];
      const seen = [first, second].map(({ count }) => count.perSecond);
      expect(seen, `${when} reading ${readings}`).to.deep.equal(rates);
      for (const { count, recent } of [first, second])
        expect([...recent].reduce((sum, n) => sum + n, 0)).to.equal(count.recent);
      const least = readings === 0 ? null : 10;
      const median = await WindowHistogram.quantileMs([first, second], 0.5);
      expect(median, `${when} reading ${readings}`).to.equal(least);
    };
    for (; readings < 2 * PARTS + 3; readings++) {
      await expectSteady('before');
      // Every third reading comes late, and has counted more.
      const seconds = readings % 3 === 2 ? 4 : 1;
      await readingInTurns(async () => {
        await expectSteady('at the beginning of');
        first.record(cellOf(10_000), 60 * seconds);
        await expectSteady('within');
        first.record(cellOf(9_999), 40 * seconds);
        second.record(cellOf(10_000), 100 * seconds);
        await expectSteady('at the end of');
      }, 1_000 * seconds);
    }
    await expectSteady('after');
  });

  it('has the quantiles of its own durations, not of earlier ones', () => {
    const { clock, reading } = setUp();
    const durations = new WindowHistogram(clock);
    durations.reach(5_000_000);
    reading(() => durations.record(cellOf(5_000_000), 1_000));
    reading(() => {
      durations.record(cellOf(10_000), 98);
      durations.record(cellOf(100_000), 2);
    });
    expect(durations.quantileMs(0.5)).to.equal(10);
    expect(durations.quantileMs(0.99)).to.equal(100);
    expect(durations.maxMs).to.equal(100);
    expect(durations.totalQuantileMs(0.5)).to.equal(5_000);
  });

  it('has no quantile above the longest duration', () => {
    const { clock, reading } = setUp();
    const durations = new WindowHistogram(clock);
    reading(() => undefined);
    reading(() => {
      durations.record(cellOf(12_345), 3);
      durations.reach(12_345);
    });
    const { maxMs } = durations;
    expect([durations.quantileMs(0.5), durations.totalQuantileMs(0.99), maxMs]).to.deep.equal(
      Array(3).fill(12.345),
    );
  });

  it('shows a duration of more than an hour as itself or as an hour, and never as one that has left the window', async () => {
    const HOUR = 3_600_000_000;
    const { clock, reading } = setUp();
    const [days, others] = [new WindowHistogram(clock), new WindowHistogram(clock)];
    const record = (us: number, isLongest: boolean): void => {
      days.record(cellOf(us), 1);
      if (isLongest) days.reach(us);
    };
    reading(() => undefined);
    reading(() => record(240 * HOUR, true));
    expect(days.maxMs).to.equal((240 * HOUR) / 1_000);
    for (let n = 0; n < PARTS; n++) reading(() => undefined);
    reading(() => {
      record(2 * HOUR, false);
      others.record(cellOf(10_000), 9);
      others.reach(10_000);
    });
    expect(days.quantileMs(0.5)).to.equal(HOUR / 1_000);
    expect(await WindowHistogram.quantileMs([days, others], 1)).to.equal(HOUR / 1_000);
    expect(await WindowHistogram.quantileMs([days, others], 0.5)).to.equal(10);
    // Another thread, which had no longer one before.
    reading(() => record(3 * HOUR, true));
    expect(days.maxMs).to.equal((3 * HOUR) / 1_000);
    for (let n = 0; n < PARTS; n++) reading(() => days.record(cellOf(5_000), 1));
    expect(days.maxMs).to.be.closeTo(5, 0.5);
  });
});
