import { expect } from 'chai';
import { get, json, post, unique, uniqueEmail } from '#test/support/client.js';
import { type Cluster, type Exit, startCluster, within } from '#test/support/cluster.js';
import { type DelayingProxy, delayingProxy } from '#test/support/delaying-proxy.js';
import { type KeepAliveLoad, keepAliveLoad } from '#test/support/keep-alive-load.js';
import { newSeed } from '#test/support/random.js';
import { THINK_MS, THINKERS } from '#test/support/rolling.js';
import { Wire, type WireResponse } from '#test/support/wire.js';

const cart = (method: string) => ({
  user: { name: 'Ada', email: uniqueEmail() },
  item: { productId: 7, quantity: 2 },
  payment: { amountCents: 1999, method },
});

/** A checkout on a connection of its own: its status, 0 when the connection ended without a response. */
async function checkout(url: string, method: string): Promise<{ status: number; text: string }> {
  const wire = await Wire.open(url);
  const fields = ['Content-Type: application/json', `Idempotency-Key: ${unique('drain')}`];
  const response = await wire.request('POST', '/api/checkout', fields, JSON.stringify(cart(method)));
  wire.destroy();
  return { status: response?.status ?? 0, text: response?.body.toString() ?? '' };
}

describe('SIGTERM under keep-alive load', () => {
  const seed = newSeed();
  let cluster: Cluster;
  let proxy: DelayingProxy;
  let load: KeepAliveLoad;
  /** Clients that pause between two requests, over a network with delays. */
  let thinking: KeepAliveLoad;
  let exit: Exit;
  let health: (WireResponse | undefined)[];
  let checkouts: { status: number; text: string }[];

  before(async function () {
    this.timeout(90_000);
    cluster = await startCluster({ env: { DRAIN_NOTICE_MS: '300', DRAIN_MS: '10000' } });
    const { id } = await json<{ id: number }>(
      await post(`${cluster.url}/api/orders`, { userId: 1, productId: 1, quantity: 1 }),
      201,
    );
    const paths = ['/api/users/1/orders', `/api/orders/${id}`, '/ready'];
    load = keepAliveLoad(cluster.url, paths, 16);
    proxy = await delayingProxy(cluster.url, seed);
    thinking = keepAliveLoad(proxy.url, paths.slice(0, 2), THINKERS, { thinkMs: THINK_MS, seed });
    await within(20_000, load.answered(500), () => JSON.stringify(load.account));
    await within(20_000, thinking.answered(THINKERS), () => JSON.stringify(thinking.account));
    const watching = await Wire.open(cluster.url);
    health = [await watching.request('GET', '/health')];
    // Each waits two seconds for a payment whose response is lost: all are under way when the signal comes.
    const paying = ['tok_flaky', 'tok_timeout', 'tok_flaky', 'tok_timeout'].map((method) =>
      checkout(cluster.url, method),
    );
    await load.answered(load.account.answered + 100);

    load.drainBegins();
    thinking.drainBegins();
    const ended = cluster.stop('SIGTERM');
    while (health.at(-1)?.status === 200 && !health.at(-1)?.closes)
      health.push(await watching.request('GET', '/health'));
    watching.destroy();
    [exit] = await Promise.all([ended, within(30_000, load.ended, () => JSON.stringify(load.account))]);
    await within(30_000, thinking.ended, () => JSON.stringify(thinking.account));
    checkouts = await Promise.all(paying);
  });
  after(async function () {
    this.timeout(30_000);
    await proxy.close();
    await cluster.dispose();
  });

  it('leads to exit code 0', () => {
    expect(exit).to.deep.equal({ code: 0, signal: null });
  });

  it('loses no request that was sent before the response that closes its connection', () => {
    expect(load.account.lost).to.deep.equal([]);
    expect(load.account.statuses[200]).to.be.at.least(500);
    expect(load.account.closedInOrder).to.be.at.least(16);
  });

  it(`loses no request of clients that pause between two requests (seed ${seed})`, () => {
    const { lost, statuses, closedInOrder, closedIdle } = thinking.account;
    expect(lost).to.deep.equal([]);
    expect(Object.keys(statuses)).to.deep.equal(['200']);
    expect(closedInOrder).to.be.at.least(THINKERS);
    expect(closedIdle).to.equal(0);
  });

  it('finishes the checkouts that were under way', () => {
    for (const { status, text } of checkouts) expect(status, text).to.be.oneOf([201, 202]);
  });

  it('makes /health report the drain from the first moment', () => {
    const last = health.at(-1);
    expect(last?.status).to.equal(503);
    expect(JSON.parse(last?.body.toString() ?? '')).to.include({ status: 'draining' });
  });

  it('leaves no process running, PostgreSQL included', () => {
    expect(cluster.leftovers()).to.deep.equal([]);
  });

  it('frees the ports', async () => {
    const refused = await get(`${cluster.url}/health`).then(
      () => false,
      () => true,
    );
    expect(refused).to.equal(true);
  });

  it('leaves nothing but JSON on stdout', () => {
    for (const line of cluster.logs()) expect(line).to.include.keys('level', 'time', 'msg');
  });
});
