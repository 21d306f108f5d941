import { expect } from 'chai';
import { LONG_TURN_MS, TurnWatch } from '#src/server/turn-watch.js';

const CALLBACKS = 10_000;

describe('a watch on turns of the event loop', () => {
  it('recognizes a long turn with many callbacks, until it ends', async () => {
    let now = 0;
    const watch = new TurnWatch(() => now);
    const callbacks = (each: number): number => {
      let long = 0;
      for (let one = 0; one < CALLBACKS; one++) {
        now += each;
        if (watch.isLong()) long++;
      }
      return long;
    };
    const each = (4 * LONG_TURN_MS) / CALLBACKS;
    const { turn } = watch;
    expect(callbacks(each)).to.be.within(CALLBACKS * 0.7, CALLBACKS * 0.76);
    await new Promise(setImmediate);
    expect(watch.turn).to.equal(turn + 1);
    expect(callbacks(LONG_TURN_MS / CALLBACKS / 2)).to.equal(0);
  });

  it('does not take several turns with few callbacks for one long turn', async () => {
    let now = 0;
    const watch = new TurnWatch(() => now);
    for (let one = 0; one < 200; one++) {
      now += LONG_TURN_MS / 2;
      expect(watch.isLong()).to.equal(false);
      await new Promise(setImmediate);
    }
  });
});
