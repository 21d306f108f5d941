// A single client or a single handler must not stop the service for other clients.

import { expect } from 'chai';
import { useCluster } from '#test/support/use-cluster.js';
import { SIEGE } from './fixtures/paths.js';
import { heldBy, siege } from './siege/siege.js';

const SECONDS = 6;
/** Factor on the bounds, which hold for an idle machine. */
const NOISE = 3;

describe('a process beside hostile clients and careless handlers', () => {
  const cluster = useCluster({ config: SIEGE, env: { LOG_LEVEL: 'silent' } });

  it('serves an ordinary client, and holds no resource afterwards', async () => {
    const report = await siege(cluster, { seconds: SECONDS, unloadedSeconds: 2, carelessCalls: 700 });
    const shown = JSON.stringify({ ...report, experience: { ...report.experience, latencies: undefined } });
    expect(report.errorShare, shown).to.be.below(NOISE * 0.01);
    expect(report.p99Ms, shown).to.be.below(NOISE * 5 * Math.max(20, report.unloadedP99Ms));
    expect(report.experience.events, shown).to.be.at.least(SECONDS - 3);
    expect(await heldBy(cluster)).to.deep.equal([]);
  }).timeout(90_000);
});
