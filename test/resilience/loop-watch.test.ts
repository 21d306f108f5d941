import { expect } from 'chai';
import { isEvidence } from '#src/resilience/loop-watch.js';
import { StandingLoop } from './standing-loop.js';

describe('what a thread has missed of a call', () => {
  it('is nothing while its loop turns', () => {
    const loop = new StandingLoop();
    const mark = loop.watch.begin();
    for (let n = 0; n < 100; n++) loop.turnAfter(60);
    expect(loop.watch.missedSince(mark)).to.equal(0);
  });

  it('is a pause of the process, whether the timer or the call ends first behind it', () => {
    const loop = new StandingLoop();
    const { watch } = loop;
    const mark = watch.begin();
    loop.run(50);
    loop.stand(5_000);
    expect(watch.missedSince(mark)).to.equal(4_900);
    loop.turnAfter(0);
    expect(watch.missedSince(mark)).to.equal(4_900);
    const later = watch.begin();
    loop.run(50);
    expect(watch.missedSince(later), 'of a call that began behind it').to.equal(0);
    loop.turnAfter(1_100);
    expect(watch.missedSince(mark), 'of both pauses').to.equal(5_900);
  });

  it('leaves out what a handler computed before the call began', () => {
    const loop = new StandingLoop();
    loop.watch.begin();
    loop.stand(3_000);
    const mark = loop.watch.begin();
    loop.stand(200);
    expect(loop.watch.missedSince(mark)).to.equal(200);
  });

  it('looks only while there are calls, and a little longer', () => {
    const loop = new StandingLoop();
    const { watch } = loop;
    watch.begin();
    watch.begin();
    watch.end();
    loop.run(50);
    expect(loop.isWatched).to.equal(true);
    watch.end();
    loop.run(50);
    expect(loop.isWatched).to.equal(false);
    loop.stand(86_400_000);
    const mark = watch.begin();
    loop.run(50);
    expect(watch.missedSince(mark), 'nothing of the time without calls').to.equal(0);
  });

  it('makes a missing response worthless when it was most of the time', () => {
    expect(isEvidence(1_000, 0)).to.equal(true);
    expect(isEvidence(1_000, 500)).to.equal(true);
    expect(isEvidence(1_000, 501)).to.equal(false);
    expect(isEvidence(0, 0)).to.equal(true);
  });
});
