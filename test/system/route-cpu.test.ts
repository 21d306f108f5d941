import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { promisesHoldScopes } from '#src/scope.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { KNOWN_COSTS } from './fixtures/paths.js';
import { loadFor, samplesOf, sharesOf } from './known-costs.js';

/**
 * Few, because the accuracy is the subject of route-cpu.long.ts. Where other programs use the cores, the time
 * for which a worker waits for one counts for its route, so nothing may be left for `other`.
 */
const SAMPLES = 100;

describe('the CPU share of a route', () => {
  const cluster = useCluster({ config: KNOWN_COSTS, env: { WORKERS: '1', STALL_MS: '60000' } });

  it('is what its handlers use, before and behind an await, and never that of another route', async function () {
    this.timeout(60_000);
    await loadFor(cluster, SAMPLES, [
      { path: '/sync/8', clients: 1 },
      { path: '/async/8', clients: 1 },
      { path: '/body/1', method: 'POST', clients: 1 },
      { path: '/cheap', clients: 1 },
      { path: '/timer/4', clients: 1 },
    ]);
    const shares = await sharesOf(cluster);
    const text = JSON.stringify([...shares]);
    const share = (route: string): number => shares.get(route) ?? 0;
    const body = share('/body/{units}');
    expect(share('/sync/{units}'), text).to.be.above(body);
    if (promisesHoldScopes) expect(share('/async/{units}'), text).to.be.above(body);
    else expect(share('/async/{units}'), text).to.be.below(0.1);
    expect(share('/cheap'), text).to.be.below(0.1);
    expect(share('/timer/{units}'), text).to.be.below(0.1);
    expect(shares.has('other'), text).to.equal(true);
    const sum = [...shares.values()].reduce((total, ratio) => total + ratio, 0);
    expect(sum).to.be.closeTo(1, 1e-6);
  });

  it('takes no samples while the process is idle', async () => {
    const taken = await until(
      async () => {
        const before = await samplesOf(cluster);
        await pause(500);
        return (await samplesOf(cluster)) - before;
      },
      (count) => count === 0,
    );
    expect(taken).to.equal(0);
  });
});
