import { expect } from 'chai';
import { endIn, type Signals } from './endings/endings.js';
import { STATES } from './endings/states.js';

/**
 * The exit codes: of a process that was not ready, that ended in order, that had to leave work unfinished,
 * and that was stopped at once.
 */
const CODES = [0, 1, 70];

for (const signals of ['one signal', 'two signals'] satisfies Signals[]) {
  describe(`a process that is ended by ${signals}`, () => {
    for (const state of STATES) {
      it(`ends in time, leaves nothing running and can be started again: ${state.name}`, async function () {
        this.timeout(180_000);
        if (state.missing?.() !== undefined) this.skip();
        const { exit, tookMs, boundMs } = await endIn(state, signals);
        console.log(`      ${exit.code ?? exit.signal} after ${Math.round(tookMs)} of ${boundMs} ms`);
        if (exit.signal === null || state.mayEndBySignal !== true)
          expect(exit.code, JSON.stringify(exit)).to.be.oneOf(CODES);
        expect(tookMs, 'milliseconds from the last signal to the end').to.be.below(boundMs);
      });
    }
  });
}
