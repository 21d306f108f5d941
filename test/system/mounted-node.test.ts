// A mounted application of Express in a process on `node:http`. Where threads can share a port it has two
// workers, elsewhere one.
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import { runPrimary } from '#test/support/command.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { Wire } from '#test/support/wire.js';
import { MOUNTED_NODE } from './fixtures/paths.js';

const LIMIT = 20;

describe('a mounted application of Express in a process', () => {
  const cluster = useCluster({
    config: MOUNTED_NODE,
    env: { HTTP_CORE: 'node', WORKERS: '2', STALL_MS: '1000' },
  });
  const workers = (): number => Number(cluster.logs().find(({ msg }) => msg === 'ready')?.workers);

  /** Sends a request on a connection of its own, which may go to any worker. */
  const ask = async (path: string): Promise<{ status: number; body: string } | undefined> => {
    const wire = await Wire.open(cluster.url);
    const response = await wire.request('GET', path);
    wire.destroy();
    return response && { status: response.status, body: String(response.body) };
  };

  it('has one limit over all workers, which is exact', async () => {
    const threads = new Set<string>();
    const statuses: number[] = [];
    for (let sent = 0; sent < 3 * LIMIT || threads.size < workers(); sent++) {
      threads.add((await ask('/old/thread'))!.body);
      statuses.push((await ask('/limited/thread'))!.status);
    }
    // One more may be admitted for each three seconds that the requests have taken.
    const admitted = statuses.filter((status) => status === 200).length;
    const firstRefused = statuses.indexOf(429);
    expect(firstRefused).to.be.within(LIMIT - 1, LIMIT + 1);
    expect(admitted).to.equal(statuses.length - statuses.filter((status) => status === 429).length);
  });

  it('is called by the other services of the process, and calls them', async () => {
    expect(await ask('/old/called')).to.deep.equal({ status: 200, body: '"/x"' });
  });

  for (const prefix of ['', '/svc/old'])
    it(`is interrupted where it stalls, and goes on: ${prefix}/old`, async function () {
      this.timeout(30_000);
      const stalled = await ask(`${prefix}/old/stalled`);
      expect(stalled?.status).to.equal(500);
      expect(stalled?.body).to.include('HANDLER_STALLED');
      await until(
        () => ask(`${prefix}/old/thread`).catch(() => undefined),
        (response) => response?.status === 200,
      );
      const text = await (await get(`${cluster.adminUrl}/metrics`)).text();
      expect(text).to.match(/http_route="\/old\/\*"/);
    });

  for (const more of [[], ['--check']])
    it(`is refused on uWebSockets.js, with the place of its declaration ${more.join()}`, async function () {
      this.timeout(30_000);
      const { code, stderr } = await runPrimary({
        args: ['--config', MOUNTED_NODE, ...more],
        env: { HTTP_CORE: 'uws' },
      });
      expect(code, stderr).to.equal(78);
      expect(stderr).to.match(/mounted-node\.config\.(?:ts|js):\d+:\d+: service old/);
      expect(stderr).to.include('service old, mountNode /limited: it needs the HTTP core of Node.js');
      expect(stderr).to.include('but HTTP_CORE selects another one: set it to node');
    });
});
