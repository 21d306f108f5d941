import { expect } from 'chai';
import { crashStorm } from '#test/chaos/crash-storm.js';
import { get, json } from '#test/support/client.js';
import { startCluster } from '#test/support/cluster.js';
import { newSeed } from '#test/support/random.js';
import { CHAOS } from './fixtures/paths.js';

/**
 * The bounds are those that docs promise: less than 1 % failed, less than a second without a response, one
 * process.
 */
export function describeCrashes(crashes: number): void {
  describe('worker crashes under load', () => {
    const seed = newSeed();
    it(`cost less than 1 % of the requests and no second without a response (${crashes} times, seed ${seed})`, async function () {
      this.timeout(30_000 + crashes * 10_000);
      const cluster = await startCluster({ config: CHAOS });
      try {
        const report = await crashStorm(cluster, crashes, seed);
        if (crashes > 3) console.log(JSON.stringify(report));
        expect(report.failed / report.requests, JSON.stringify(report)).to.be.lessThan(0.01);
        const gapMs = report.longestGapMs - report.clientStoodMs;
        expect(gapMs, JSON.stringify(report)).to.be.lessThan(1_000);
        const { pid } = await json<{ pid: number }>(await get(`${cluster.url}/now`));
        expect(pid).to.equal(cluster.pid);
        expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
      } finally {
        await cluster.dispose();
      }
    });
  });
}
