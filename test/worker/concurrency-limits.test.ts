import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { permitCensus } from '#src/memory/permit-census.js';
import { reclaimQuotas } from '#src/memory/quota-cells.js';
import { createConcurrencyLimits } from '#src/worker/concurrency-limits.js';
import { heldByCalls } from '#src/worker/request-quotas.js';
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

  it('let responses of calls hold what one client may, in all workers, and release what a lost worker held', () => {
    const block = Block.create({ workers: 2 });
    const [first, second] = [1, 2].map((slot) => {
      const recorder = new SeriesTable(new SeriesMemory().of(slot));
      const settings = { ...SETTINGS, maxBufferedBodyBytes: 1_600 };
      return createConcurrencyLimits({ block, slot, recorder }, settings).quotas;
    });
    const [one, other] = [heldByCalls(first!), heldByCalls(second!)];
    expect(one.take(400)).to.equal(true);
    expect(other.take(300)).to.equal(true);
    expect(other.take(1), 'beyond 7/16').to.equal(false);
    const client = first!.addressKey('192.0.2.1');
    expect(first!.bodyBytes.take(700, client), 'of a client').to.equal(true);
    expect(first!.bodyBytes.held).to.equal(1_400);
    reclaimQuotas(block, 1);
    expect(first!.bodyBytes.held).to.equal(300);
    other.give(300);
    expect(other.take(700)).to.equal(true);
  });
});
