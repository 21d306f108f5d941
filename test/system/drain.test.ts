import { expect } from 'chai';
import { get, json, post, unique, uniqueEmail } from '#test/support/client.js';
import { type Cluster, startCluster, within } from '#test/support/cluster.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { Wire } from '#test/support/wire.js';

const cart = (method: string) => ({
  user: { name: 'Ada', email: uniqueEmail() },
  item: { productId: 7, quantity: 2 },
  payment: { amountCents: 1999, method },
});

describe('SIGTERM under keep-alive load', () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(30_000);
    cluster = await startCluster({ env: { DRAIN_NOTICE_MS: '300' } });
  });
  after(async function () {
    this.timeout(30_000);
    await cluster.dispose();
  });

  it('answers every request that was sent before its connection was told to close, and exits 0', async function () {
    this.timeout(60_000);
    const { id } = await json<{ id: number }>(
      await post(`${cluster.url}/api/orders`, { userId: 1, productId: 1, quantity: 1 }),
      201,
    );
    const load = keepAliveLoad(cluster.url, ['/api/users/1/orders', `/api/orders/${id}`, '/ready'], 16);
    await within(20_000, load.answered(500), () => JSON.stringify(load.account));
    const checkouts = Array.from({ length: 6 }, async () => {
      const answer = await post(`${cluster.url}/api/checkout`, cart('tok_flaky'), {
        'idempotency-key': unique('drain'),
      });
      return { status: answer.status, body: await answer.json() };
    });
    const watching = await Wire.open(cluster.url);
    expect((await watching.request('GET', '/health'))?.status).to.equal(200);
    // The checkouts are under way when the journal knows them: half an answer more of the load is enough.
    const sent = load.account.answered;
    await load.answered(sent + 50);

    const ended = cluster.stop('SIGTERM');
    let health = await watching.request('GET', '/health');
    while (health?.status === 200 && !health.closes) health = await watching.request('GET', '/health');
    expect(health?.status, 'health during the drain').to.equal(503);
    expect(JSON.parse(health?.body.toString() ?? '')).to.include({ status: 'draining' });

    expect(await ended).to.deep.equal({ code: 0, signal: null });
    await within(20_000, load.ended, () => JSON.stringify(load.account));
    expect(load.account.lost, 'lost requests').to.deep.equal([]);
    expect(load.account.statuses[200]).to.be.at.least(500);
    for (const { status, body } of await Promise.all(checkouts)) {
      expect(status, JSON.stringify(body)).to.be.oneOf([201, 202]);
    }
    watching.destroy();
  });

  it('leaves nothing running, PostgreSQL included', () => {
    expect(cluster.leftovers()).to.deep.equal([]);
  });

  it('frees the ports', async () => {
    const refused = await get(`${cluster.url}/health`).then(
      () => false,
      () => true,
    );
    expect(refused).to.equal(true);
  });

  it('wrote nothing but JSON to stdout to the end', () => {
    for (const line of cluster.logs()) expect(line).to.include.keys('level', 'time', 'msg');
  });
});
