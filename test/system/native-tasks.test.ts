import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { NATIVE_TASKS } from './fixtures/paths.js';

const DRAIN_MS = 500;

describe('a CPU task that is in native code at its deadline', () => {
  const cluster = useCluster({
    config: NATIVE_TASKS,
    env: { DRAIN_MS: String(DRAIN_MS), CPU_THREADS: '1', WORKERS: '1' },
  });

  it('gets its response, other tasks continue, and the process ends within DRAIN_MS + 3 s of SIGTERM', async () => {
    const begun = join(cluster.dataDir, 'begun');
    await get(`${cluster.url}/echo`); // now the thread of the CPU pool has started
    expect((await get(`${cluster.url}/native`)).status).to.equal(504);
    expect(await until(() => existsSync(begun), Boolean)).to.equal(true);
    expect(await (await get(`${cluster.url}/echo`)).text()).to.equal('hello');
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.match(/^multilane_cpu_threads_stuck 1$/m);
    const from = performance.now();
    expect(await cluster.stop('SIGTERM')).to.deep.equal({ code: 70, signal: null });
    expect(performance.now() - from).to.be.below(DRAIN_MS + 3_000);
    // A process that a task has started does not count.
    expect(cluster.leftovers().filter((line) => !line.includes('sleep'))).to.deep.equal([]);
  });
});
