import { expect } from 'chai';
import fc from 'fast-check';
import { LOOK_EVERY_MS, silenceAfter } from '#src/cluster/stall-ladder.js';

describe('the silence of a worker', () => {
  it('grows while the heartbeat stays and is forgotten when it moves', () => {
    let silence = silenceAfter(undefined, 7, 25);
    expect(silence.ms).to.equal(0);
    for (let look = 0; look < 4; look += 1) silence = silenceAfter(silence, 7, LOOK_EVERY_MS);
    expect(silence.ms).to.equal(4 * LOOK_EVERY_MS);
    expect(silenceAfter(silence, 8, LOOK_EVERY_MS).ms).to.equal(0);
  });

  it('does not grow by more than a quarter of a second while nobody looks: the machine may have slept', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_600_000), { maxLength: 20 }), (gaps) => {
        let silence = silenceAfter(undefined, 1, 0);
        for (const gap of gaps) {
          const next = silenceAfter(silence, 1, gap);
          expect(next.ms - silence.ms).to.equal(Math.min(gap, 250));
          silence = next;
        }
      }),
    );
  });
});
