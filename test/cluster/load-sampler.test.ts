import { expect } from 'chai';
import { BEAT_MS, startLoadSampler } from '#src/cluster/load-sampler.js';
import { Block } from '#src/memory/block.js';
import { sharedClock } from '#src/memory/clock.js';
import { readWorker, WorkerRow } from '#src/memory/worker-row.js';

/** Resolves after a number of beats. */
function sampling() {
  const block = Block.create({ workers: 1 });
  let beats = 0;
  let wake = (): void => {};
  const sampler = startLoadSampler(new WorkerRow(block, 1), sharedClock(block), 0, () => {
    beats++;
    wake();
  });
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
});
