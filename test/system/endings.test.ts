import { expect } from 'chai';
import fc from 'fast-check';
import { endIn } from './endings/endings.js';
import { STATES } from './endings/states.js';

/**
 * Generous, since a machine that runs two test files at once is slow; an end ten times too late still fails.
 */
const LATE_MS = 5_000;

/** The long form enters every state. */
const ROUNDS = 2;

describe('a process that gets a signal in the middle of other work', function () {
  this.timeout(120_000);

  it('ends, leaves no process running and can be started again', async () => {
    const states = STATES.filter(
      ({ name, missing }) => missing?.() === undefined && !name.includes('another machine'),
    );
    const state = fc.constantFrom(...states);
    const signals = fc.constantFrom('one signal', 'two signals');
    await fc.assert(
      fc.asyncProperty(state, signals, async (entered, given) => {
        const { tookMs, boundMs } = await endIn(entered, given);
        expect(tookMs, `${entered.name}, ${given}`).to.be.below(boundMs + LATE_MS);
      }),
      { numRuns: ROUNDS, endOnFailure: true },
    );
  });
});
