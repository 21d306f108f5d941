// Limits of very different speeds, in one bucket or one after the other: each key is judged by its own rule
// alone.
import { expect } from 'chai';
import fc from 'fast-check';
import { oneRegion } from '#src/memory/rate/rate-regions.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { DAY_MS } from './ages.js';
import { expectLawful } from './rate-law.js';
import { sweepAll } from './sweep-all.js';

const MINUTE_MS = 60_000;
const RULES = [
  { intervalMs: 10, burst: 100 },
  { intervalMs: 0.5, burst: 3 },
  { intervalMs: 1_000, burst: 1 },
  { intervalMs: 6_000, burst: 40 },
  { intervalMs: MINUTE_MS, burst: 1_440 },
] as const;
const BUCKET_WORDS = 16;

function setUp(buckets = 1, now = 0) {
  const time = { now };
  const words = new Int32Array(new SharedArrayBuffer(buckets * BUCKET_WORDS * 4));
  const regions = oneRegion(words, new Int32Array(new SharedArrayBuffer(4)));
  let overflows = 0;
  const onOverflow = () => void overflows++;
  const table = new RateTable({ regions, secret: new Int32Array([3, 4]), clock: () => time.now, onOverflow });
  return { time, words, table, overflows: () => overflows };
}

const rule = fc.constantFrom(...RULES);

describe('rate limits of different rules', () => {
  it('judge a key by its own rule, also where a slower one has been used up', () => {
    const uses = fc.array(fc.tuple(fc.nat(1), fc.nat(200), fc.integer({ min: 1, max: 20 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(rule, rule, uses, fc.nat(60 * DAY_MS), (before, after, sequence, start) => {
        fc.pre(before !== after);
        const { time, table } = setUp(8, start);
        const rules = [before, after];
        const limits = rules.map(({ intervalMs, burst }) => table.limit('logins', intervalMs, burst));
        const histories: number[][] = [[], []];
        const take = (which: number): boolean => {
          const isTold = limits[which]!.peek('a') > 0;
          const isAdmitted = limits[which]!.take('a') > 0;
          expect(isTold).to.equal(isAdmitted);
          if (isAdmitted) histories[which]!.push(time.now - start);
          return isAdmitted;
        };
        for (let n = 0; n < before.burst; n++) take(0);
        expect(take(1), 'the first under the new rule').to.equal(true);
        for (const [which, ms, times] of sequence) {
          time.now += ms;
          for (let n = 0; n < times; n++) take(which);
        }
        for (const [which, history] of histories.entries()) expectLawful(history, rules[which]!);
      }),
      { numRuns: 50 },
    );
  });

  it('keep every limit in a full bucket, and admit every client within a minute after the crowd', () => {
    const step = fc.record({
      wait: fc.oneof(fc.nat(20), fc.nat(5_000), fc.nat(100_000)),
      rule: fc.nat(RULES.length - 1),
      key: fc.nat(5),
      times: fc.constantFrom(1, 3, 50, 1_500),
    });
    let overflowed = 0;
    const steps = fc.array(step, { minLength: 20, maxLength: 120 });
    fc.assert(
      fc.property(steps, fc.nat(60 * DAY_MS), (sequence, start) => {
        const { time, table, overflows } = setUp(1, start);
        const limits = RULES.map(({ intervalMs, burst }, n) => table.limit(`limit ${n}`, intervalMs, burst));
        const histories = new Map<string, number[]>();
        const take = (of: number, key: string): boolean => {
          if (limits[of]!.take(key) <= 0) return false;
          const name = `${of} ${key}`;
          histories.set(name, [...(histories.get(name) ?? []), time.now - start]);
          return true;
        };
        for (const { wait, rule: of, key, times } of sequence) {
          time.now += wait;
          for (let n = 0; n < times && take(of, `key ${key}`); n++);
        }
        // Keys that found a row and keys that shared one, in turn.
        for (const [of] of RULES.entries()) {
          for (const key of ['key 0', 'key 5', 'new']) {
            time.now += MINUTE_MS + 1;
            expect(take(of, key), `${key} of limit ${of}`).to.equal(true);
          }
        }
        for (const [name, history] of histories) expectLawful(history, RULES[Number(name[0])]!, name);
        overflowed += overflows();
      }),
      { numRuns: 100 },
    );
    expect(overflowed, 'keys that shared').to.be.above(0);
  });

  it('sweep a large table in small parts', () => {
    const { time, table, words } = setUp(2_048);
    const limit = table.limit('many', 1, 1);
    for (let n = 0; n < 3_000; n++) limit.take(`key ${n}`);
    time.now += 10;
    const owned = (): number =>
      words.filter((word, at) => at % 16 > 3 && at % 2 === 1 && word >>> 12 !== 0).length;
    let before = owned();
    const total = before;
    let parts = 0;
    for (const _ of table.sweepInParts()) {
      const after = owned();
      expect(before - after).to.be.at.most(total / 4);
      before = after;
      parts++;
    }
    expect(parts).to.be.at.least(8);
    expect(owned()).to.equal(0);
    expect(sweepAll(table), 'as many parts when there is nothing to do').to.equal(parts + 1);
  });
});
