import { expect } from 'chai';
import { get, json, post, put, uniqueEmail } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { expectProblem } from '#test/support/problem.js';
import { until } from '#test/support/until.js';

interface User {
  readonly id: number;
  readonly orders: readonly { readonly id: number }[] | null;
  readonly degraded?: readonly string[];
}

describe('services in processes of their own', () => {
  let users: Cluster;
  let orders: Cluster;
  let id: number;
  before(async function () {
    this.timeout(60_000);
    [users, orders] = await Promise.all([
      startCluster({ env: { SERVICES: 'users', WORKERS: '1' } }),
      startCluster({ env: { SERVICES: 'orders', WORKERS: '1' } }),
    ]);
    const created = await post(`${users.url}/api/users`, { name: 'Ada', email: uniqueEmail() });
    ({ id } = await json<User>(created, 201));
  });
  after(async function () {
    this.timeout(60_000);
    await Promise.all([users.dispose(), orders.dispose()]);
  });

  const register = (): Promise<Response> =>
    put(`${users.adminUrl}/registry/v1/services/orders/instances/second`, {
      host: '127.0.0.1',
      port: Number(new URL(orders.url).port),
    });

  it('serve only their own routes', async () => {
    await expectProblem(await get(`${users.url}/api/orders/1`), 404, 'ROUTE_NOT_FOUND');
    await expectProblem(await get(`${orders.url}/api/users/1`), 404, 'ROUTE_NOT_FOUND');
  });

  it('respond in part when the other is not there: orders null, degraded', async () => {
    const user = await json<User>(await get(`${users.url}/api/users/${id}`));
    expect(user.orders).to.equal(null);
    expect(user.degraded).to.deep.equal(['orders']);
  });

  it('call each other over HTTP once an instance is registered over the admin plane', async function () {
    this.timeout(20_000);
    const order = await json<{ id: number }>(
      await post(`${orders.url}/api/orders`, { userId: id, productId: 1, quantity: 1 }),
      201,
    );
    expect((await register()).status).to.equal(201);
    const user = await until(
      async () => json<User>(await get(`${users.url}/api/users/${id}`)),
      ({ orders: list }) => list !== null,
      10_000,
    );
    expect(user.orders).to.deep.equal([order]);
    expect(user).to.not.have.property('degraded');
  });

  it('open the breaker when the other has died, and respond in part at once', async function () {
    this.timeout(40_000);
    await register();
    expect(await orders.stop('SIGKILL')).to.deep.equal({ code: null, signal: 'SIGKILL' });
    const open = /^multilane_breaker_state\{[^}]*service="orders"[^}]*state="open"[^}]*\} 1$/m;
    const callAndLook = async (): Promise<boolean> => {
      const batch = Array.from({ length: 10 }, () => get(`${users.url}/api/users/${id}`));
      for (const response of await Promise.all(batch)) {
        expect((await json<User>(response)).degraded).to.deep.equal(['orders']);
      }
      return open.test(await (await get(`${users.adminUrl}/metrics`)).text());
    };
    expect(await until(callAndLook, (seen) => seen)).to.equal(true);
  });
});
