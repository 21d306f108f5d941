import { expect } from 'chai';
import { JournalClock } from '#src/saga/journal-clock.js';

const ROUND_MS = 1_250;
const AHEAD_MS = 1_800_000_000_000;

describe('the clock of a journal', () => {
  let clock: JournalClock;
  let now: number;

  beforeEach(() => {
    clock = new JournalClock();
    now = 0;
    read(0);
  });

  /** @param takesMs the time between query and reply; the clock is read at the middle of it */
  function read(setMs: number, takesMs = 1, afterMs = ROUND_MS): boolean {
    const asked = now + afterMs;
    now = asked + takesMs;
    return clock.read(asked, AHEAD_MS + asked + takesMs / 2 + setMs, now);
  }

  it('is steady while it is slewed, for a day, however long its replies take', () => {
    const since = now;
    for (let round = 0; now < 86_400_000; round++) {
      expect(read(now / 2_000, round % 7 === 0 ? 2_000 : 1)).to.equal(false);
    }
    expect(clock.steadyMs(now)).to.equal(now - since);
  });

  for (const [what, byMs] of [
    ['set ahead by a second', 1_000],
    ['set back by a second', -1_000],
    ['set back by a day', -86_400_000],
  ] as const) {
    it(`is steady anew when it was ${what}`, () => {
      read(0);
      expect(read(byMs)).to.equal(true);
      expect(clock.steadyMs(now)).to.equal(0);
      expect(read(byMs), 'as it is now').to.equal(false);
      expect(read(0), 'right again').to.equal(true);
    });
  }

  it('is not steady when it is set by many small steps', () => {
    const steps = Array.from({ length: 4 }, (_, n) => read(n * 300));
    expect(steps).to.include(true);
  });

  it('is steady anew after a time without readings, in which it may have been set back and forth', () => {
    read(0);
    expect(read(0, 1, 5_000)).to.equal(false);
    expect(clock.steadyMs(now)).to.equal(0);
  });
});
