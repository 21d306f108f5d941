import { expect } from 'chai';
import { wallStart } from '#src/telemetry/wall-start.js';

const FIRST = 1_700_000_000_000;
const HOUR = 3_600_000;

describe('the start of something on the wall clock', () => {
  it('stays the same while the clock is adjusted in small steps, or set forward', () => {
    const since = wallStart(FIRST);
    for (const [at, age] of [
      [FIRST, 0],
      [FIRST + 1_000, 1_900],
      [FIRST + 2_000, 1_100],
      [FIRST + HOUR, 3_000],
    ] as const)
      expect(since(at, age)).to.equal(FIRST);
  });

  it('moves with a clock that is set back, once', () => {
    const since = wallStart(FIRST);
    expect(since(FIRST - HOUR + 500, 500)).to.equal(FIRST - HOUR);
    expect(since(FIRST - HOUR + 9_000, 9_010)).to.equal(FIRST - HOUR);
  });

  it('is never later than the present', () => {
    const since = wallStart(FIRST);
    expect(since(FIRST - 400, 100)).to.equal(FIRST - 500);
  });
});
