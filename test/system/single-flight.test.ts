import { expect } from 'chai';
import { useCluster } from '#test/support/use-cluster.js';
import { get } from '../support/client.js';
import { evenLoad } from '../support/even-load.js';
import { SHARED_CALLS } from './fixtures/paths.js';

describe('singleFlight over four workers', () => {
  const cluster = useCluster({ config: SHARED_CALLS, env: { WORKERS: '4', ADAPTIVE_LIMIT: 'off' } });

  it('makes one call for a thousand requests at the same time, and gives all of them its response', async () => {
    const load = { url: cluster.url, perSecond: 2_000, forMs: 500, connections: 1_000 };
    const { responses, unsent } = await evenLoad(load);
    expect(responses.length, `calls that could be sent, beside ${unsent}`).to.be.at.least(250);
    expect([...new Set(responses.map(({ status }) => status))]).to.deep.equal([200]);
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    const [, made] = /fixture_slow_calls_total (\d+)/.exec(metrics) ?? [];
    expect(made).to.equal('1');
    const [, shared] = /multilane_calls_shared_total\{service="slow"\} (\d+)/.exec(metrics) ?? [];
    expect(Number(shared)).to.equal(responses.length - 1);
  });

  it('makes another call for a request that comes afterwards', async () => {
    expect(await (await get(cluster.url)).json()).to.deep.equal({ thing: 1 });
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.match(/fixture_slow_calls_total 2\n/);
  });
});
