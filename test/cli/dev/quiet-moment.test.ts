import { expect } from 'chai';
import { MOST_WAIT_MS, QUIET_MS, QuietMoment } from '#src/cli/dev/quiet-moment.js';

describe('a quiet moment', () => {
  /** When it acts, for events at these times. */
  function actsAt(events: readonly number[], untilMs: number): readonly number[] {
    const acts: number[] = [];
    let [now, due] = [0, Number.POSITIVE_INFINITY];
    let work = (): void => {};
    const moment = new QuietMoment(() => acts.push(now), {
      clock: () => now,
      after(later, ms) {
        [work, due] = [later, now + ms];
        return undefined as unknown as NodeJS.Timeout;
      },
    });
    for (; now <= untilMs; now++) {
      if (now >= due) {
        due = Number.POSITIVE_INFINITY;
        work();
      }
      if (events.includes(now)) moment.event();
    }
    return acts;
  }

  it('comes after the last event of a series', () => {
    expect(actsAt([0, 20, 60, 300], 1000)).to.deep.equal([60 + QUIET_MS, 300 + QUIET_MS]);
  });

  it('comes in a series that does not end, too, again and again', () => {
    const events = Array.from({ length: 100 }, (_, n) => n * 10);
    const acts = actsAt(events, 999);
    expect(acts[0]).to.equal(MOST_WAIT_MS);
    expect(acts).to.have.length(3);
  });
});
