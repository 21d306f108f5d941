// The number of keys that find a row of their own, and the rounding of times, never in favour of the caller.
import { expect } from 'chai';
import fc from 'fast-check';
import { Part } from '#src/memory/part.js';
import { createRateMemory } from '#src/memory/rate/rate-memory.js';
import { oneRegion } from '#src/memory/rate/rate-regions.js';
import { RateTable } from '#src/memory/rate/rate-table.js';
import { expectLawful } from './rate-law.js';

const ROWS_PER_BUCKET = 6;

/**
 * The expected share of keys that are the seventh or a later one in their bucket, when `keys` keys are spread
 * over
 * `buckets` buckets.
 */
function shareWithoutRow(keys: number, buckets: number): number {
  if (keys <= ROWS_PER_BUCKET) return 0;
  let chance = (1 - 1 / buckets) ** keys; // the probability that a bucket has `count` keys
  let beyond = 0;
  for (let count = 1; count <= Math.min(keys, 100); count++) {
    chance *= (keys - count + 1) / count / (buckets - 1);
    beyond += Math.max(0, count - ROWS_PER_BUCKET) * chance;
  }
  return (beyond * buckets) / keys;
}

describe('memory of a rate limiter', () => {
  it('is large enough that fewer than one key in a million finds no row, for any number of keys', () => {
    // The buckets are fullest at the last number before the table doubles.
    const numbers = [1, 6, 7, 10, 100, 10_000, ...[8, 12, 16].map((bits) => Math.floor(0.43 * 2 ** bits))];
    for (const keys of numbers) {
      const buckets = Part.attach('rates', createRateMemory(keys)).table('rateBuckets').rows;
      expect(shareWithoutRow(keys, buckets), `${keys} keys`).to.be.below(1e-6);
    }
  });

  it('has a row for each of 225,443 keys, except for one at most', () => {
    const keys = 225_443;
    const part = Part.attach('rates', createRateMemory(keys));
    let overflows = 0;
    const table = new RateTable({
      regions: oneRegion(part.table('rateBuckets').words, part.words('rateLead')),
      secret: new Int32Array([1, 2]),
      clock: () => 0,
      onOverflow: () => void overflows++,
    });
    const limit = table.limit('test', 60_000, 1);
    for (let key = 0; key < keys; key++) limit.take(String(key));
    expect(overflows).to.be.at.most(1);
  });

  it('admits no more than its limit at rates of up to a million a second, also between whole units of its clock', () => {
    const asks = fc.array(fc.nat(997), { minLength: 200, maxLength: 300 });
    // Some intervals are whole numbers of units, so that rounding does not change them.
    const rate = fc.oneof(fc.integer({ min: 200_000, max: 1_000_000 }), fc.constantFrom(500_000, 1_000_000));
    fc.assert(
      fc.property(rate, fc.integer({ min: 1, max: 4 }), asks, (perSecond, burst, waits) => {
        const intervalMs = 1_000 / perSecond;
        let now = 0;
        const table = new RateTable({
          regions: oneRegion(
            new Int32Array(new SharedArrayBuffer(64)),
            new Int32Array(new SharedArrayBuffer(4)),
          ),
          secret: new Int32Array([1, 2]),
          clock: () => now,
        });
        const limit = table.limit('test', intervalMs, burst);
        const admitted: number[] = [];
        for (const wait of waits) {
          now += (wait / 2_500) * intervalMs;
          if (limit.take('a') > 0) admitted.push(now);
        }
        expectLawful(admitted, { intervalMs, burst }, `${perSecond}/second;burst=${burst}`);
      }),
    );
  });
});
