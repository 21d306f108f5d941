import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { UNRESPONSIVE } from './fixtures/paths.js';

describe('a worker that runs and does not respond when the process ends', () => {
  let cluster: Cluster;

  beforeEach(async function () {
    this.timeout(60_000);
    cluster = await startCluster({ config: UNRESPONSIVE, found: 'server', env: { DRAIN_MS: '500' } });
  });
  afterEach(async function () {
    this.timeout(60_000);
    await cluster.dispose();
  });

  const messages = (): readonly unknown[] => cluster.logs().map(({ msg }) => msg);

  async function spoil(path: string): Promise<void> {
    const wire = await Wire.open(cluster.url);
    const response = wire.request('GET', path);
    response.catch(() => undefined); // awaited below, or never
    if (path === '/native') {
      await until(messages, (all) => all.includes('the thread waits for ever'));
    } else expect((await response)?.status).to.equal(200);
  }

  function expectTheEnd(): void {
    const servers = cluster.leftovers().filter((process) => process.includes('postgres'));
    expect(servers, 'PostgreSQL is stopped').to.deep.equal([]);
    // The last line of the log is complete.
    expect(cluster.logs().at(-1)).to.have.property('msg');
  }

  for (const path of ['/deaf', '/mute', '/busy', '/native']) {
    // A thread with the core `uws` cannot be terminated, and none can that runs native code.
    const isTerminated = { uws: false, node: path !== '/native' }[CORE];
    const code = isTerminated ? 0 : 70;
    it(`does not keep the process from ending with ${code} on SIGTERM, PostgreSQL and logs in order: ${path}`, async function () {
      this.timeout(60_000);
      await spoil(path);
      expect(await cluster.stop('SIGTERM')).to.deep.equal({ code, signal: null });
      expectTheEnd();
      if (path !== '/deaf') return;
      // The log names the worker.
      const lineOf = (text: string) => cluster.logs().find(({ msg }) => msg === text);
      if (isTerminated) {
        const line = lineOf('worker has not ended after its drain; terminating it');
        expect(line).to.include({ generation: 1, state: 'draining' }).and.to.have.property('worker');
      } else {
        const line = lineOf('work was not finished in time; stopping all the same');
        expect(line).to.have.nested.property('unfinished[0].state', 'draining');
      }
    });

    it(`does not keep the process from stopping at once with 1 on a second signal: ${path}`, async function () {
      this.timeout(60_000);
      await spoil(path);
      cluster.signal('SIGTERM');
      await sleep(1_100); // a signal counts as a second one only when it comes a second later
      expect(await cluster.stop('SIGTERM')).to.deep.equal({ code: 1, signal: null });
      expectTheEnd();
    });
  }

  it('is the cause of code 70: a process whose workers all respond ends with 0', async () => {
    expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
    expect(await cluster.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    expectTheEnd();
  });
});
