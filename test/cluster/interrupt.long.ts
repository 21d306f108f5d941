// The long form of break-off.test.ts: what it is after aborts the whole process, once in some thousand times.
import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { interruptAroundTheEnd } from './interrupt-around-end.js';

describe('breaking off what a thread runs, the long form', () => {
  it('leaves a thread that goes on (10,000 times)', async function () {
    this.timeout(1_200_000);
    const seed = newSeed();
    const counts = await interruptAroundTheEnd(10_000, seed);
    console.log(JSON.stringify({ seed, ...counts }));
    expect(counts.broken).to.be.greaterThan(1_000);
  });
});
