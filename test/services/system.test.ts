import { expect } from 'chai';
import { json } from '#test/support/client.js';
import { type InProcessShop, startInProcessShop } from '#test/support/in-process-shop.js';

describe('the routes of every process', () => {
  let shop: InProcessShop;
  before(async () => {
    shop = await startInProcessShop();
  });
  after(() => shop.close());
  afterEach(() => Object.assign(shop.state, { draining: false, ready: true }));

  const get = (url: string): Promise<Response> => shop.request('GET', url);
  const health = async (status: number): Promise<{ status: string; timestamp: string }> =>
    json(await get('/health'), status);

  it('tell that a worker is healthy, and when that was', async () => {
    const { status, timestamp, ...rest } = await health(200);
    expect(status).to.equal('healthy');
    expect(new Date(timestamp).toISOString()).to.equal(timestamp);
    expect(rest).to.deep.equal({});
  });

  it('tell of a drain from its first moment: 503, to be asked again', async () => {
    shop.state.draining = true;
    const answer = await get('/health');
    expect(answer.headers.get('retry-after')).to.equal('1');
    expect(answer.headers.get('content-type')).to.equal('application/json');
    const { status, timestamp } = await json<{ status: string; timestamp: string }>(answer, 503);
    expect(status).to.equal('draining');
    expect(new Date(timestamp).toISOString()).to.equal(timestamp);
  });

  it('tell whether the process may get traffic, without reasons', async () => {
    expect(await json(await get('/ready'))).to.deep.equal({ status: 'ready' });
    shop.state.ready = false;
    const answer = await get('/ready');
    expect(answer.headers.get('retry-after')).to.equal('1');
    expect(await json(answer, 503)).to.deep.equal({ status: 'not-ready' });
  });

  it('are never taken from a cache', async () => {
    for (const path of ['/health', '/ready']) {
      expect((await get(path)).headers.get('cache-control')).to.equal('no-store');
    }
  });
});
