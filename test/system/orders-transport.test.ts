// GET /api/users/:id fetches the orders in three ways (ORDERS_TRANSPORT), with the same response, and clients
// of gRPC get the same orders.
import { expect } from 'chai';
import { get, json, post } from '#test/support/client.js';
import { callOrders } from '#test/support/orders-client.js';
import { pace } from '#test/support/pace.js';
import { rollOnce } from '#test/support/rolling.js';
import { rpcPorts } from '#test/support/rpc-client.js';
import type { Order } from '#test/support/shop-messages.js';
import { useCluster } from '#test/support/use-cluster.js';

interface User {
  readonly id: number;
  readonly orders: readonly Order[];
}

for (const transport of ['auto', 'http', 'grpc']) {
  describe(`the orders of a user, fetched by ${transport}`, () => {
    const shop = useCluster({
      env: {
        SERVICES: 'users,orders',
        WORKERS: '1',
        GRPC_PORT: '0',
        ORDERS_TRANSPORT: transport,
        // While workers are replaced, two generations of them have connections.
        DATABASE_POOL_MAX: '16',
      },
    });
    const created = async (): Promise<{ readonly id: number; readonly orders: readonly Order[] }> => {
      const user = { name: 'Ada', email: `${transport}-${Date.now()}@example.com` };
      const { id } = await json<User>(await post(`${shop.url}/api/users`, user), 201);
      const orders: Order[] = [];
      for (const productId of [1, 2 ** 53 - 1]) {
        const order = { userId: id, productId, quantity: 3 };
        orders.push(await json<Order>(await post(`${shop.url}/api/orders`, order), 201));
      }
      return { id, orders: orders.reverse() };
    };

    it('are those of the orders service, newest first', async () => {
      const { id, orders } = await created();
      const user = await json<User>(await get(`${shop.url}/api/users/${id}`));
      expect(user.orders).to.deep.equal(orders);
      const metrics = await (await get(`${shop.adminUrl}/metrics`)).text();
      const isByRpc = /rpc_client_call_duration_seconds_count\{.*GetUserOrders/.test(metrics);
      expect(isByRpc).to.equal(transport === 'grpc');
    });

    it('are never missing while all workers are replaced', async () => {
      const { id, orders } = await created();
      let isOver = false;
      const seen = { whole: 0, other: [] as unknown[] };
      const lane = async (): Promise<void> => {
        while (!isOver) {
          const user = await json<User>(await get(`${shop.url}/api/users/${id}`));
          if (user.orders?.length === orders.length) seen.whole++;
          else seen.other.push(user);
          await pace();
        }
      };
      const load = Promise.all(Array.from({ length: 3 }, lane));
      for (let roll = 0; roll < 2; roll++) await rollOnce(shop);
      isOver = true;
      await load;
      const reasons = shop.logs().filter(({ msg }) => String(msg).startsWith('orders not reachable'));
      expect(seen.other, JSON.stringify(reasons)).to.deep.equal([]);
      expect(seen.whole).to.be.greaterThan(20);
    }).timeout(150_000);

    it('are what a client of gRPC gets, page by page', async () => {
      const { id, orders } = await created();
      const [port] = await rpcPorts(shop, 'orders');
      const first = await callOrders(port!, { userId: id, limit: 1 });
      expect(first.orders.map((order) => Number(order.id))).to.deep.equal([orders[0]!.id]);
      const second = await callOrders(port!, { userId: id, limit: 1, cursor: first.nextCursor });
      expect(second).to.deep.include({ nextCursor: '' });
      expect(Number(second.orders[0]!.productId)).to.equal(orders[1]!.productId);
    });

    it('are refused to a client of gRPC with a wrong request, with the status of its error', async () => {
      const [port] = await rpcPorts(shop, 'orders');
      for (const [request, code] of [
        [{ userId: 0 }, 'VALIDATION_FAILED'],
        [{ userId: '9223372036854775807' }, 'VALIDATION_FAILED'],
        [{ userId: 1, limit: 101 }, 'VALIDATION_FAILED'],
        [{ userId: 1, cursor: 'x' }, 'BAD_CURSOR'],
      ] as const) {
        const failure = await callOrders(port!, request).then(
          () => expect.fail('it was accepted'),
          ({ code: status, metadata }) => [status, String(metadata.get('x-multilane-code')[0])],
        );
        expect(failure).to.deep.equal([3, code]);
      }
    });
  });
}
