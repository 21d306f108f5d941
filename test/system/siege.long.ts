// The siege of siege.test.ts for two minutes, with the bounds of an idle machine.

import { expect } from 'chai';
import { quantile } from '#test/support/quantile.js';
import { useCluster } from '#test/support/use-cluster.js';
import { SIEGE } from './fixtures/paths.js';
import { heldBy, siege } from './siege/siege.js';

const SECONDS = 120;

describe('a process beside hostile clients and careless handlers, for two minutes', () => {
  const cluster = useCluster({ config: SIEGE, env: { LOG_LEVEL: 'silent' } });

  it('gives an ordinary client under 1 % errors and at most five times its usual latency', async () => {
    const report = await siege(cluster, { seconds: SECONDS, unloadedSeconds: 10, carelessCalls: 10_000 });
    const { latencies, ...experience } = report.experience;
    const p50Ms = quantile(latencies, 0.5);
    console.log(JSON.stringify({ ...report, experience, p50Ms }));
    expect(report.errorShare).to.be.below(0.01);
    expect(report.p99Ms).to.be.at.most(5 * Math.max(20, report.unloadedP99Ms));
    expect(experience.events).to.be.at.least(SECONDS - 5);
    expect(await heldBy(cluster)).to.deep.equal([]);
  });
});
