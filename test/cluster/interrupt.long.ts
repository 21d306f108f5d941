// The long form of interrupt.test.ts. The fault that it looks for aborts the whole process, once in some
// thousand times.
import { expect } from 'chai';
import { newSeed } from '#test/support/random.js';
import { interruptAroundTheEnd } from './interrupt-around-end.js';

describe('interrupting a thread, the long form', () => {
  it('leaves a thread that continues (10,000 times)', async function () {
    this.timeout(1_200_000);
    const seed = newSeed();
    const counts = await interruptAroundTheEnd(10_000, seed);
    console.log(JSON.stringify({ seed, ...counts }));
    expect(counts.interrupted).to.be.greaterThan(1_000);
  });
});
