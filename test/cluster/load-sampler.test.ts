import { expect } from 'chai';
import { BEAT_MS, startLoadSampler } from '#src/cluster/load-sampler.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { slotActivity } from '#src/memory/running-route.js';
import { readWorker, WorkerRow } from '#src/memory/worker-row.js';

/** Resolves after a number of beats. */
function sampling(cpuTimeUs?: () => number | undefined) {
  const block = Block.create({ workers: 1 });
  let beats = 0;
  let wake = (): void => {};
  const onBeat = (): void => {
    beats++;
    wake();
  };
  const row = new WorkerRow(block, 1);
  const sampler = startLoadSampler(row, sharedClock(block), 0, onBeat, cpuTimeUs);
  const until = async (count: number): Promise<void> => {
    while (beats < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { block, sampler, until };
}

describe('the load sampler', () => {
  it('publishes heartbeats and the delay of its timer, which is how long the loop was occupied', async () => {
    const { block, sampler, until } = sampling();
    await until(2);
    const heldUp = performance.now() + 6 * BEAT_MS;
    while (performance.now() < heldUp);
    await until(22);
    sampler.stop();
    const { heartbeat, loopDelayP99Us, loopUtilization, heapUsedBytes } = readWorker(block, 1);
    expect(heartbeat).to.be.above(0);
    expect(loopDelayP99Us).to.be.within(4 * BEAT_MS * 1_000, 60_000_000);
    expect(loopUtilization).to.be.within(0.05, 1);
    expect(heapUsedBytes).to.be.above(1_000_000);
  });

  it('publishes the utilization of a loop whose turns are long, every second and not every twenty beats', async () => {
    const { block, sampler, until } = sampling();
    await until(2);
    for (let beat = 3; beat < 7; beat++) {
      const heldUp = performance.now() + 600;
      while (performance.now() < heldUp);
      await until(beat);
    }
    sampler.stop();
    expect(readWorker(block, 1).loopUtilization).to.be.above(0.8);
  });

  it('lets a loop that runs no turn count as busy', async () => {
    const { block, sampler, until } = sampling();
    const clock = sharedClock(block);
    await until(2);
    sampler.stop();
    const beatAt = clock();
    const published = readWorker(block, 1, beatAt).loopUtilization;
    expect(readWorker(block, 1, beatAt + 200).loopUtilization).to.equal(published);
    expect(readWorker(block, 1, beatAt + 700).loopUtilization).to.be.within(0.7, 1);
    expect(readWorker(block, 1, beatAt + 5_000).loopUtilization).to.equal(1);
    expect(readWorker(block, 1).loopUtilization).to.equal(published);
  });

  it('counts no CPU time twice when a reading fails', async () => {
    // It is read when the sampler starts, at the first beat, and every 250 ms after that.
    const readings = [7_000_000, 7_000_000, 7_001_000, undefined, 7_004_000];
    const { block, sampler, until } = sampling(() => (readings.length > 1 ? readings.shift() : readings[0]));
    for (let beats = 17; readings.length > 1; beats++) await until(beats);
    sampler.stop();
    expect(readings).to.have.lengthOf(1);
    expect(slotActivity(block).cpuUs(1)).to.equal(4_000);
  });

  it('reports at its end the CPU time since the last report', async () => {
    let us = 1_000;
    const { block, sampler, until } = sampling(() => us);
    await until(1);
    us = 8_000;
    sampler.stop();
    expect(slotActivity(block).cpuUs(1)).to.equal(7_000);
  });
});
