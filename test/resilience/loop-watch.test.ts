import { expect } from 'chai';
import { isEvidence } from '#src/resilience/loop-watch.js';
import { StallingLoop } from './stalling-loop.js';

describe('the time of a call that its thread has missed', () => {
  it('is zero while its event loop is not stalled', () => {
    const loop = new StallingLoop();
    const mark = loop.watch.begin();
    for (let n = 0; n < 100; n++) loop.turnAfter(60);
    expect(loop.watch.missedSince(mark)).to.equal(0);
  });

  it('contains a pause of the process, whether the timer or the end of the call comes first after it', () => {
    const loop = new StallingLoop();
    const { watch } = loop;
    const mark = watch.begin();
    loop.run(50);
    loop.stall(5_000);
    expect(watch.missedSince(mark)).to.equal(4_900);
    loop.turnAfter(0);
    expect(watch.missedSince(mark)).to.equal(4_900);
    const later = watch.begin();
    loop.run(50);
    expect(watch.missedSince(later), 'of a call that began behind it').to.equal(0);
    loop.turnAfter(1_100);
    expect(watch.missedSince(mark), 'of both pauses').to.equal(5_900);
  });

  it('does not contain computation before the call began', () => {
    const loop = new StallingLoop();
    loop.watch.begin();
    loop.stall(3_000);
    const mark = loop.watch.begin();
    loop.stall(200);
    expect(loop.watch.missedSince(mark)).to.equal(200);
  });

  it('is measured by a timer only while there are calls, and a little longer', () => {
    const loop = new StallingLoop();
    const { watch } = loop;
    watch.begin();
    watch.begin();
    watch.end();
    loop.run(50);
    expect(loop.isWatched).to.equal(true);
    watch.end();
    loop.run(50);
    expect(loop.isWatched).to.equal(false);
    loop.stall(86_400_000);
    const mark = watch.begin();
    loop.run(50);
    expect(watch.missedSince(mark), 'nothing of the time without calls').to.equal(0);
  });

  it('makes a missing response meaningless when it was most of the time', () => {
    expect(isEvidence(1_000, 0)).to.equal(true);
    expect(isEvidence(1_000, 500)).to.equal(true);
    expect(isEvidence(1_000, 501)).to.equal(false);
    expect(isEvidence(0, 0)).to.equal(true);
  });
});
