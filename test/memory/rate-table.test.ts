import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { RATE_BUCKETS, RATE_LIMITS } from '#src/memory/layout.js';
import { RateBuckets } from '#src/memory/rate/rate-bucket.js';
import { oneRegion } from '#src/memory/rate/rate-regions.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { AGES_MS, DAY_MS } from './ages.js';
import { expectLawful } from './rate-law.js';
import { sweepAll } from './sweep-all.js';
import { usageNow } from './usage-now.js';

const BUCKET_WORDS = 16;
const SECRET = new Int32Array([0x01234567, 0x89abcdef | 0]);

/** A table of a few buckets, and a clock that the test sets. */
function setUp(buckets = 1, now = 0) {
  const time = { now };
  const words = new Int32Array(new SharedArrayBuffer(buckets * BUCKET_WORDS * 4));
  let overflows = 0;
  const options = {
    regions: oneRegion(words, new Int32Array(new SharedArrayBuffer(4))),
    secret: SECRET,
    clock: () => time.now,
    onOverflow: () => void overflows++,
  };
  const one = new RateTable(options);
  const other = new RateTable(options);
  return { time, words, one, other, overflows: () => overflows };
}

const admittedOf = (take: () => number, times: number): number =>
  Array.from({ length: times }, take).filter((verdict) => verdict > 0).length;

describe('rate table', () => {
  it('admits a burst at once and then one per interval', () => {
    const { time, one } = setUp();
    const limit = one.limit('test', 10, 5);
    // At the very same moment one less is admitted, since times are rounded against the caller.
    expect(admittedOf(() => limit.take('a'), 10)).to.be.within(4, 5);
    time.now += 0.001;
    expect(admittedOf(() => limit.take('a'), 10)).to.be.within(0, 1);
    for (let i = 0; i < 100; i++) {
      time.now += 10;
      expect(admittedOf(() => limit.take('a'), 10)).to.equal(1);
    }
    time.now += 1_000_000;
    expect(admittedOf(() => limit.take('a'), 10)).to.be.within(4, 5);
  });

  it('reports when the next request would be admitted, and when the whole burst is available again', () => {
    const { time, one } = setUp();
    const limit = one.limit('test', 100, 3);
    expect(limit.take('a')).to.be.closeTo(100, 0.01);
    expect(limit.take('a')).to.be.closeTo(200, 0.01);
    time.now += 1;
    expect(limit.take('a')).to.be.closeTo(299, 0.01);
    time.now += 1;
    const refused = limit.take('a');
    expect(refused).to.be.closeTo(-98, 0.01);
    time.now -= refused + 0.001;
    expect(limit.take('a')).to.be.closeTo(-0.001, 0.001);
    time.now += 0.002;
    expect(limit.take('a')).to.be.closeTo(300, 0.01);
  });

  it('reports a refusal without charging, and changes nothing by that', () => {
    const days = fc.constantFrom(0, 1, 4, 8, 13, 30).map((count) => count * 86_400_000);
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(400)), { maxLength: 30 });
    fc.assert(
      fc.property(days, steps, fc.integer({ min: 1, max: 3 }), (age, sequence, burst) => {
        const { time, words, one, other } = setUp(4, age);
        const [limit, elsewhere] = [one.limit('test', 100, burst), other.limit('test', 100, burst)];
        for (const [key, ms] of sequence) {
          time.now += ms;
          const before = words.join();
          const peeked = elsewhere.peek(key);
          expect(words.join()).to.equal(before);
          const verdict = limit.take(key);
          if (verdict < 0) expect(peeked).to.equal(verdict);
          else expect(peeked).to.be.above(0);
        }
      }),
    );
  });

  it('counts every key and every limit separately', () => {
    const { one } = setUp(64);
    const [first, second] = [one.limit('first', 1_000, 1), one.limit('second', 1_000, 1)];
    for (const limit of [first, second]) {
      for (const key of ['a', 'b', '192.0.2.1', '2001:db8::/64', '']) {
        expect(limit.take(key), key).to.be.above(0);
        expect(limit.take(key), key).to.be.below(0);
      }
    }
  });

  it('is shared by all threads', () => {
    const { time, one, other } = setUp();
    const [mine, theirs] = [one.limit('test', 10, 2), other.limit('test', 10, 2)];
    expect(mine.take('a')).to.be.above(0);
    time.now += 1;
    expect(theirs.take('a')).to.be.above(0);
    expect(mine.take('a')).to.be.below(0);
    expect(theirs.take('a')).to.be.below(0);
  });

  it('admits a whole even load at its limit, however late each single request comes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(2, 10),
        fc.integer({ min: 2, max: 40 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 50, maxLength: 300 }),
        (burst, perInterval, jitter) => {
          const { time, one } = setUp();
          const limit = one.limit('test', 10, burst);
          const step = 10 / perInterval;
          const intervals = Math.floor(jitter.length / perInterval);
          let admitted = 0;
          for (let i = 0; i < intervals * perInterval; i++) {
            // Each request comes up to a quarter of a step late.
            time.now = i * step + jitter[i]! * (step / 4);
            if (limit.take('a') > 0) admitted++;
          }
          expect(admitted).to.be.at.least(Math.min(intervals + burst - 1, intervals * perInterval) - 1);
        },
      ),
    );
  });

  it('admits every new key at any age, with and without other keys, also after a day of silence', () => {
    for (const age of AGES_MS) {
      const { time, one, other } = setUp(64, age);
      for (const round of ['first', 'second', 'behind a day'] as const) {
        const limit = one.limit('test', 10, 100);
        const admitted = Array.from({ length: 500 }, (_, n) => limit.take(`${round} ${n}`) > 0);
        expect(admitted.filter(Boolean), `${round} at ${age / DAY_MS} days`).to.have.length(500);
        if (round === 'first') continue;
        sweepAll(other);
        time.now += DAY_MS;
        sweepAll(other);
      }
    }
  });

  it('refuses no key for longer than its burst takes to refill, however long no thread has run', () => {
    const frozen = [...AGES_MS, ...Array.from({ length: 70 }, (_, n) => n * 17 * 3_600_000)];
    for (const silence of frozen) {
      const { time, one } = setUp(1, 5 * DAY_MS);
      const limits = [one.limit('fast', 10, 100), one.limit('slow', 1_000, 60)];
      // All rows, and the one that keys without a row share.
      for (const limit of limits) for (let n = 0; n < 500; n++) limit.take(`key ${n % 8}`);
      time.now += silence;
      for (let second = 0; second < 62; second++) {
        const refused = limits.some((limit) => limit.take('key 0') < 0 || limit.take('newcomer') < 0);
        if (!refused) break;
        time.now += 1_000;
        if (second === 61) expect.fail(`refused behind ${silence / DAY_MS} days`);
      }
    }
  });

  it('admits no more than a burst at any age', () => {
    for (const age of AGES_MS) {
      const { time, one, other } = setUp(1, age);
      const [limit, elsewhere] = [one.limit('test', 10, 5), other.limit('test', 10, 5)];
      const times: number[] = [];
      for (let n = 0; n < 400; n++) {
        if ((n % 2 === 0 ? limit : elsewhere).take('a') > 0) times.push(time.now - age);
        if (n % 50 === 0) sweepAll(other);
        time.now += 1.3;
      }
      expectLawful(times, { intervalMs: 10, burst: 5 }, `${age / DAY_MS} days`);
      expect(times.length, `${age / DAY_MS} days`).to.be.within(55, 57);
    }
  });

  it('never admits a key more than its limit allows, in full buckets and over 13 days', () => {
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
    const step = fc.record({
      wait: fc.oneof(
        { weight: 20, arbitrary: fc.double({ min: 0, max: 3, noNaN: true }) },
        { weight: 4, arbitrary: fc.double({ min: 0, max: 300, noNaN: true }) },
        { weight: 1, arbitrary: fc.constantFrom(268_435.456, 3_600_000, 1.0995e9) },
      ),
      key: fc.nat(keys.length - 1),
      limit: fc.nat(2),
      times: fc.integer({ min: 1, max: 8 }),
      sweep: fc.boolean(),
    });
    const rates = [
      { intervalMs: 3.3, burst: 1 },
      { intervalMs: 10, burst: 4 },
      { intervalMs: 700, burst: 2 },
    ];
    let overflowed = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.nat(60 * DAY_MS), (steps, start) => {
        const { time, one, other, overflows } = setUp(1, start);
        const limits = [one, other].map((table) =>
          rates.map(({ intervalMs, burst }, i) => table.limit(`limit ${i}`, intervalMs, burst)),
        );
        const histories = new Map<string, number[]>();
        for (const [i, { wait, key, limit, times, sweep }] of steps.entries()) {
          time.now += wait;
          if (sweep) sweepAll(one);
          const history = histories.get(`${limit} ${key}`) ?? [];
          histories.set(`${limit} ${key}`, history);
          for (let n = 0; n < times; n++) {
            if (limits[i % 2]![limit]!.take(keys[key]!) > 0) history.push(time.now - start);
          }
        }
        for (const [name, history] of histories) expectLawful(history, rates[Number(name[0])]!, name);
        overflowed += overflows();
      }),
    );
    expect(overflowed, 'keys that shared').to.be.above(0);
  });

  it('admits what an exact count would admit, as long as there are rows', () => {
    const step = fc.record({ wait: fc.double({ min: 0, max: 30, noNaN: true }), key: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 2, max: 6 }), (steps, burst) => {
        const { time, one, overflows } = setUp(64);
        const limit = one.limit('test', 10, burst);
        const due = new Map<number, number>();
        for (const { wait, key } of steps) {
          time.now += wait;
          const ahead = Math.max((due.get(key) ?? 0) - time.now, 0);
          const verdict = limit.take(String(key));
          // Each admission is rounded by a unit at most; within that difference both results are right.
          const tolerance = (burst - 1) * 10;
          if (Math.abs(ahead - tolerance) > 0.02) expect(verdict > 0).to.equal(ahead <= tolerance);
          if (verdict > 0) due.set(key, time.now + ahead + 10);
        }
        expect(overflows()).to.equal(0);
      }),
    );
  });

  it('lets new keys share one limit when every row is in use, and assigns them rows when some are free again', () => {
    const { time, one, overflows } = setUp();
    const limit = one.limit('test', 1_000, 1);
    for (let i = 0; i < 6; i++) expect(limit.take(`early ${i}`)).to.be.above(0);
    expect(overflows()).to.equal(0);
    expect(usageNow(one)).to.deep.equal({ inUse: 6, rows: 6 });
    expect(limit.take('late')).to.be.above(0);
    for (const key of ['late', 'later']) expect(limit.take(key)).to.be.below(0);
    for (let i = 0; i < 6; i++) expect(limit.take(`early ${i}`)).to.be.below(0);
    expect(overflows()).to.equal(3);
    time.now += 1_001;
    expect(limit.take('late')).to.be.above(0);
    expect(limit.take('later')).to.be.above(0);
    expect(overflows()).to.equal(3);
  });

  it('finishes a claim of a row that a stopped thread has begun', () => {
    const { time, words, one } = setUp();
    const limit = one.limit('test', 10, 1);
    const tags = () => [4, 6, 8, 10, 12, 14].map((row) => words[row + 1]! >>> 12);
    const abandon = (position: number, low: number, tag: number): void => {
      words[0] = low;
      words[1] = (1 << 31) | (position << 28) | (tag << 8) | (words[1]! & 0xff);
    };
    for (let position = 0; position < 6; position++) {
      time.now += 100;
      // The state of a row after nothing but the header has been written.
      abandon(position, words[4 + 2 * position]!, 0x12340 + position);
      expect(limit.take(`key ${position}`), `position ${position}`).to.be.above(0);
      expect(words[1]! >= 0, 'the claim is over').to.equal(true);
      expect(limit.take(`key ${position}`)).to.be.below(0);
      // The claim was finished first, and then the row was free for the new key.
      if (position > 0) expect(tags()[position]).to.equal(0x12340 + position);
    }
    // A claim of a row that its owner has used since then has no effect.
    time.now += 100;
    abandon(2, words[8]! - 1, 0x54321);
    expect(limit.take('last')).to.be.above(0);
    expect(tags()).to.not.include(0x54321);
  });

  it('never repeats a time in a row, however often the row changes its key within the difference of the clocks', () => {
    const words = new Int32Array(new SharedArrayBuffer(BUCKET_WORDS * 4));
    const buckets = new RateBuckets(words, new Int32Array(new SharedArrayBuffer(4)));
    const held = new Set<string>();
    for (let tag = 1; tag <= 100; tag++) {
      // The clocks of two threads, a unit apart.
      expect(buckets.claim(0, tag, () => 16_000_000 + (tag & 1), 0)).to.equal(true);
      const row = buckets.find(0, tag);
      held.add(`row ${row}: ${words[row]}`);
    }
    expect(held.size).to.equal(100);
  });

  it('forgets no row that carries state', () => {
    const { time, one } = setUp();
    const limit = one.limit('test', 1_000, 2);
    limit.take('a');
    limit.take('a');
    time.now += 1;
    limit.take('a');
    sweepAll(one);
    expect(limit.take('a')).to.be.below(0);
    time.now += 5_000;
    sweepAll(one);
    expect(usageNow(one).inUse).to.equal(0);
    expect(limit.take('a')).to.be.above(0);
  });

  it('does not let the keys of one limit affect the clients of another', () => {
    const block = Block.create({ workers: 1, rateBuckets: RATE_BUCKETS });
    let overflows = 0;
    const table = RateTable.of(
      block,
      () => 0,
      () => void overflows++,
    );
    const [flooded, other] = [table.limit('flooded', 6_000, 10), table.limit('other', 10, 100)];
    for (let n = 0; n < 60_000; n++) flooded.take(`made up ${n}`);
    expect(overflows).to.be.above(0);
    overflows = 0;
    const admitted = Array.from({ length: 500 }, (_, n) => other.take(`client ${n}`) > 0);
    expect(admitted.filter(Boolean)).to.have.length(500);
    expect(overflows).to.equal(0);
  });

  it('accepts more limits than it has slots for: the last ones share one', () => {
    const block = Block.create({ workers: 1 });
    const table = RateTable.of(block, () => 0);
    const limits = Array.from({ length: RATE_LIMITS + 10 }, (_, n) => table.limit(`limit ${n}`, 1_000, 1));
    for (const [n, limit] of limits.entries()) expect(limit.take('a'), String(n)).to.be.above(0);
    for (const [n, limit] of limits.entries()) expect(limit.take('a'), String(n)).to.be.below(0);
    expect(usageNow(table)).to.deep.include({ inUse: limits.length });
  });

  it('is part of the block of the process', () => {
    const block = Block.create({ workers: 2 });
    const time = { now: 0 };
    const [one, other] = [block, Block.attach(block.buffer)].map((each) =>
      RateTable.of(each, () => time.now).limit('test', 1_000, 1),
    );
    expect(one!.take('a')).to.be.above(0);
    expect(other!.take('a')).to.be.below(0);
    expect(other!.take('b')).to.be.above(0);
  });
});
