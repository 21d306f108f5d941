import { expect } from 'chai';
import { get, json } from '../support/client.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { evenLoad } from '../support/even-load.js';
import { PLAIN } from './fixtures/paths.js';

const WORKERS = 4;

describe('RATE_LIMIT over four workers', () => {
  let cluster: Cluster | undefined;
  afterEach(async () => {
    await cluster?.dispose();
    cluster = undefined;
  });
  const start = async (limit: string): Promise<Cluster> => {
    cluster = await startCluster({
      config: PLAIN,
      env: { WORKERS: String(WORKERS), RATE_LIMIT: limit },
    });
    return cluster;
  };
  /**
   * Returns the times of the admitted responses, the seconds from the first to the last, and the longest time
   * that may have been between the two admissions: from the first request to the last response.
   */
  const admitted = async (url: string, forMs: number) => {
    const { responses } = await evenLoad({ url, perSecond: 800, forMs, connections: 8 * WORKERS });
    expect([...new Set(responses.map(({ status }) => status))]).to.have.members([200, 429]);
    const ok = responses.filter(({ status }) => status === 200);
    const times = ok.map(({ at }) => at);
    const last = times.at(-1)!;
    const begun = Math.min(...ok.map(({ at, latencyMs }) => at - latencyMs));
    return { times, seconds: (last - times[0]!) / 1000, longest: (last - begun) / 1000 };
  };

  it('admits its burst and then its rate, whichever workers get the requests', async () => {
    const { url } = await start('100/second');
    const { times, seconds, longest } = await admitted(url, 2_000);
    expect(times.length).to.be.at.most(100 + 100 * longest);
    // Only a pause of a whole second would lose admissions.
    expect(times.length).to.be.at.least(95 + 100 * seconds);
  });

  it('admits no more than one at once with a burst of one', async () => {
    const { url } = await start('100/second;burst=1');
    const { times, seconds, longest } = await admitted(url, 2_000);
    expect(times.length).to.be.at.most(1 + 100 * longest);
    // A limiter per worker would admit four times that; admissions that the machine delays cannot be made up
    // later.
    expect(times.length).to.be.at.least(60 * seconds);
  });

  it('reports a rejection in the response and in the metrics, and spares health, readiness and the admin plane', async () => {
    const { url, adminUrl } = await start('2/minute');
    for (const expected of [200, 200, 429]) expect((await get(url)).status).to.equal(expected);
    const refused = await get(url);
    expect(refused.headers.get('retry-after')).to.match(/^(29|30)$/);
    expect(refused.headers.get('ratelimit-policy')).to.equal('"default";q=2;w=60');
    expect(refused.headers.get('ratelimit')).to.match(/^"default";r=0;t=(29|30)$/);
    expect(await json(refused, 429)).to.include({ code: 'RATE_LIMITED', status: 429 });
    for (let i = 0; i < 5; i++) {
      expect((await get(`${url}/health`)).status).to.equal(200);
      expect((await get(`${url}/ready`)).status).to.equal(200);
      expect((await get(`${adminUrl}/readyz`)).status).to.equal(200);
    }
    expect(await (await get(`${adminUrl}/metrics`)).text()).to.include(
      'multilane_rate_limited_total{limit="default"} 2',
    );
  });
});
