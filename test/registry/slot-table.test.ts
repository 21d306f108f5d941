import { expect } from 'chai';
import fc from 'fast-check';
import { REST_MS, SlotTable } from '#src/registry/slot-table.js';

function setUp(size: number) {
  const time = { now: 0 };
  const fresh: number[] = [];
  /** The rows of which calls run. */
  const busy = new Set<number>();
  const slots = new SlotTable(
    size,
    () => time.now,
    (slot) => fresh.push(slot),
    (slot) => !busy.has(slot),
  );
  return { time, fresh, busy, slots };
}

describe('the slot table', () => {
  it('assigns every row once, reset, and then none', () => {
    const { slots, fresh } = setUp(3);
    expect(['a', 'b', 'c', 'd'].map((key) => slots.take(key))).to.deep.equal([0, 1, 2, undefined]);
    expect(fresh).to.deep.equal([0, 1, 2]);
  });

  it('assigns a released row to another instance when it has rested, and its calls have ended', () => {
    const { slots, time, fresh, busy } = setUp(1);
    slots.release('a', slots.take('a')!);
    time.now = REST_MS - 1;
    expect(slots.take('b')).to.equal(undefined);
    time.now = REST_MS;
    busy.add(0);
    expect(slots.take('b')).to.equal(undefined);
    time.now = 60 * REST_MS;
    expect(slots.take('b')).to.equal(undefined);
    busy.delete(0);
    expect(slots.take('b')).to.equal(0);
    expect(fresh).to.deep.equal([0, 0]);
  });

  it('does not lose a row whose calls never end, because their count is wrong', () => {
    const { slots, time, busy } = setUp(1);
    busy.add(0);
    slots.release('a', slots.take('a')!);
    time.now = 3_600_000;
    expect(slots.take('b')).to.equal(0);
  });

  it('finds a row whose calls have ended behind any number of others', () => {
    const { slots, time, busy } = setUp(1_000);
    for (let n = 0; n < 1_000; n += 1) slots.take(`k${n}`);
    for (let n = 0; n < 1_000; n += 1) {
      slots.release(`k${n}`, n);
      if (n < 999) busy.add(n);
    }
    time.now = REST_MS;
    expect(slots.take('x')).to.equal(999);
  });

  it('assigns a released row to the same instance at once, without a reset', () => {
    const { slots, fresh } = setUp(2);
    slots.take('a');
    slots.release('a', 0);
    expect(slots.take('a')).to.equal(0);
    expect(fresh).to.deep.equal([0]);
  });

  it('reuses rows whose calls have ended after a second, so that instances may come and go', () => {
    const { slots, time, busy } = setUp(100);
    for (let n = 0; n < 5_000; n += 1) {
      const key = `k${n}`;
      const slot = slots.take(key)!;
      if (n < 10) busy.add(slot);
      else if (n >= 100) expect(slot, key).to.be.at.least(10);
      slots.release(key, slot);
      // 90 rows have room for 90 instances in a second, or for 80 with those of the last moment.
      time.now += REST_MS / 80;
    }
    for (const key of ['x', 'y']) expect(slots.take(key)).to.be.at.least(10);
  });

  it('prefers rows that no instance had before', () => {
    const { slots, time } = setUp(2);
    slots.release('a', slots.take('a')!);
    time.now = REST_MS;
    expect(slots.take('b')).to.equal(1);
  });

  it('never assigns a row to two instances, nor a released row to another instance too early', () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      waitMs: fc.nat(2 * REST_MS),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { slots, time } = setUp(3);
        const held = new Map<string, number>();
        const last = new Map<number, { key: string; until: number }>();
        for (const { key, waitMs } of steps) {
          time.now += waitMs;
          const own = held.get(key);
          if (own !== undefined) {
            slots.release(key, own);
            held.delete(key);
            last.set(own, { key, until: time.now + REST_MS });
            continue;
          }
          const slot = slots.take(key);
          if (slot === undefined) continue;
          expect([...held.values()]).not.to.include(slot);
          const before = last.get(slot);
          if (before !== undefined && before.key !== key) expect(time.now).to.be.at.least(before.until);
          held.set(key, slot);
        }
      }),
    );
  });
});
