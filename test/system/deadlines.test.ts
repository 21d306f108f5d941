import { expect } from 'chai';
import { get, json, post, unique } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { type CheckoutProgress, checkoutBody } from '#test/support/shop-messages.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { useSharedShop } from './shop.js';

describe('a second process on the same databases, with short deadlines', () => {
  const shop = useSharedShop();
  const second = useCluster(() => ({
    env: { DATABASE_URL: shop.sql.url(), REQUEST_TIMEOUT_MS: '2000' },
  }));

  const checkout = (headers: Record<string, string> = {}): Promise<Response> =>
    post(`${second.url}/api/checkout`, checkoutBody('tok_timeout'), {
      'idempotency-key': unique('late'),
      ...headers,
    });
  /** The end of a saga, as the first process reports it. */
  const ended = (sagaId: string): Promise<CheckoutProgress> =>
    until(
      async () => json<CheckoutProgress>(await get(`${shop.url}/api/checkout/${sagaId}`)),
      ({ status }) => !['running', 'waiting', 'compensating'].includes(status),
      50_000,
    );

  it('responds 504 when the handler does not respond before the deadline, and keeps the connection', async () => {
    const body = { orderId: 1, amountCents: 100, method: 'tok_timeout' };
    await expectProblem(await post(`${second.url}/api/payments`, body), 504, 'DEADLINE_EXCEEDED');
    expect((await get(`${second.url}/health`)).status).to.equal(200);
  });

  it('responds 202 a second before the deadline, and the checkout is not interrupted', async () => {
    const response = await checkout();
    const location = response.headers.get('location');
    const { sagaId, status } = await json<CheckoutProgress>(response, 202);
    expect(status).to.equal('running');
    expect(location).to.match(new RegExp(`/api/checkout/${sagaId}$`));
    expect((await ended(sagaId)).status).to.equal('completed');
  });

  it('leaves a checkout unfinished when it is killed, and the first process completes it', async function () {
    this.timeout(70_000);
    const { sagaId } = await json<CheckoutProgress>(await checkout({ prefer: 'respond-async' }), 202);
    await second.stop('SIGKILL');
    const view = await ended(sagaId);
    expect(view.status).to.equal('completed');
  });
});
