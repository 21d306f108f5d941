import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { permitCensus } from '#src/memory/permit-census.js';
import { createConcurrencyLimits } from '#src/worker/concurrency-limits.js';
import { LASTING_KINDS } from '../memory/permit-kinds.js';
import { cutInTwo } from '../memory/stepped-atomics.js';

const SETTINGS = {
  maxInFlight: 10,
  adaptiveLimit: false,
  maxPendingBodies: 10,
  maxBufferedBodyBytes: 10,
  maxStreams: 10,
  maxStreamsPerAddress: 10,
};

describe('the concurrency limits of a worker', () => {
  for (const kind of LASTING_KINDS) {
    it(`correct at a heartbeat the count of a permit that the worker was interrupted in taking (${kind.name})`, () => {
      const block = Block.create({ workers: 1 });
      const bounds = createConcurrencyLimits(
        { block, slot: 1, recorder: new SeriesTable(new SeriesMemory().of(1)) },
        SETTINGS,
      );
      kind.begin(block);
      const held = (): number => kind.held(block);
      cutInTwo(
        () => kind.of(block, 1).take(),
        () => held() === 1,
      );
      permitCensus(block)();
      expect(held(), 'before the heartbeat').to.equal(1);
      bounds.beat();
      permitCensus(block)();
      expect(held(), 'after it').to.equal(0);
    });
  }
});
