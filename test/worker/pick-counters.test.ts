import { expect } from 'chai';
import { SeriesTable, TRANSIENT_KEPT } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { PickCounters } from '#src/worker/pick-counters.js';
import { seeded } from '#test/support/random.js';

function setUp() {
  const memory = new SeriesMemory();
  const live = new Set<string>();
  let asked = 0;
  const counters = new PickCounters(new SeriesTable(memory.of(1)), (_service, id) => {
    asked += 1;
    return live.has(id);
  });
  const shown = (): Map<string | undefined, number> =>
    new Map(readTotals(memory).series.map(({ labels, value }) => [labels.endpoint, value]));
  return { live, counters, shown, asked: () => asked };
}

describe('the counts of picks by instance', () => {
  it('count each pick for its instance, whichever instances come, go and return', () => {
    const { live, counters, shown } = setUp();
    const random = seeded(7);
    const name = (): string => `i${Math.floor(random() * 4 * TRANSIENT_KEPT)}`;
    let picks = 0;
    for (let step = 0; step < 600; step++) {
      if (live.size > TRANSIENT_KEPT) for (const id of live) if (random() < 0.1) live.delete(id);
      const id = name();
      live.add(id);
      const before = shown().get(id) ?? 0;
      counters.of('orders', id).add();
      picks += 1;
      const all = shown();
      expect(all.get(id), id).to.equal(before + 1);
      expect([...all.values()].reduce((sum, value) => sum + value, 0)).to.equal(picks);
    }
  });

  it('are whole for each of 12,288 instances, and the first pick of one asks about few others', () => {
    const { live, counters, shown, asked } = setUp();
    for (let n = 0; n < 12_288; n++) {
      live.add(`i${n}`);
      counters.of('orders', `i${n}`).add();
    }
    const all = shown();
    for (const id of live) expect(all.get(id), id).to.equal(1);
    expect(all.has(undefined)).to.equal(false);
    expect(asked() / live.size).to.be.below(100);
  });
});
