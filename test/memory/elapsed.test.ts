import { expect } from 'chai';
import fc from 'fast-check';
import { elapsed, toWord } from '#src/memory/elapsed.js';

const DAY_MS = 86_400_000;
/** Ages of the process: years, and around the bounds of a word. */
const uptimes = fc.oneof(
  fc.nat(1000 * DAY_MS),
  fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -5000, max: 5000 }))
    .map(([n, off]) => n * 2 ** 31 + off),
);
/** Durations of up to 49 days, which a word can hold. */
const ages = fc.oneof(fc.nat(10_000), fc.nat(49 * DAY_MS));

describe('times in a word of shared memory', () => {
  it('give the time since an event, however long the process has run', () => {
    fc.assert(
      fc.property(uptimes, ages, (since, age) => {
        expect(elapsed(toWord(since + age), toWord(since))).to.equal(age);
        expect(elapsed(toWord(since + age), toWord(since) | 0), 'as a signed word').to.equal(age);
      }),
      { numRuns: 2000 },
    );
  });
});
