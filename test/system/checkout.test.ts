import { expect } from 'chai';
import { get, json, post, unique, uniqueEmail } from '#test/support/client.js';
import { expectProblem, type Problem } from '#test/support/problem.js';
import { type CheckoutProgress, type CompletedCheckout, checkoutBody } from '#test/support/shop-messages.js';
import { until } from '#test/support/until.js';
import { useSharedShop } from './shop.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const cart = (email: string, method: string) => checkoutBody(method, { email });

describe('the checkout', () => {
  const shop = useSharedShop();
  const checkout = (body: unknown, key?: string, headers: Record<string, string> = {}): Promise<Response> =>
    post(`${shop.url}/api/checkout`, body, {
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...headers,
    });
  const view = async (sagaId: string): Promise<CheckoutProgress> =>
    json(await get(`${shop.url}/api/checkout/${sagaId}`));

  /** The rows of one customer in the four databases. */
  const traces = async (email: string): Promise<Record<string, unknown>> => {
    const users = await shop.sql.query<{ id: number }>('users', 'select id from users where email = $1', [
      email,
    ]);
    const orders = await shop.sql.query<{ id: number; status: string }>(
      'orders',
      'select id, status from orders where user_id = any($1)',
      [users.map((user) => user.id)],
    );
    const payments = await shop.sql.query<{ status: string }>(
      'payments',
      'select status from payments where order_id = any($1)',
      [orders.map((order) => order.id)],
    );
    return {
      users: users.length,
      orders: orders.map((order) => order.status),
      payments: payments.map((payment) => payment.status),
    };
  };

  it('creates a user, a confirmed order and a captured payment', async () => {
    const email = uniqueEmail();
    const done = await json<CompletedCheckout>(await checkout(cart(email, 'tok_ok'), unique('ok')), 201);
    expect(done).to.have.all.keys('sagaId', 'status', 'userId', 'orderId', 'paymentId');
    expect(done.sagaId).to.match(UUID_V7);
    expect(done.status).to.equal('completed');
    expect(await traces(email)).to.deep.equal({ users: 1, orders: ['confirmed'], payments: ['captured'] });
    const order = await json<{ status: string; userId: number }>(
      await get(`${shop.url}/api/orders/${done.orderId}`),
    );
    expect(order).to.include({ status: 'confirmed', userId: done.userId });
  });

  it('reports its saga with every step', async () => {
    const done = await json<CompletedCheckout>(
      await checkout(cart(uniqueEmail(), 'tok_ok'), unique('view')),
      201,
    );
    const saga = await view(done.sagaId);
    expect(saga).to.include({ sagaId: done.sagaId, status: 'completed' });
    expect(saga.saga).to.be.a('string').with.length.greaterThan(0);
    expect(saga.steps).to.have.length(4);
    for (const step of saga.steps) {
      expect(step).to.have.all.keys('name', 'status', 'attempts', 'startedAt', 'finishedAt', 'error');
      expect(step).to.include({ status: 'completed', attempts: 1, error: null });
      expect(Date.parse(step.finishedAt ?? '')).to.be.at.least(Date.parse(step.startedAt ?? ''));
    }
  });

  it('leaves no user, no order and no captured payment when the payment is declined', async () => {
    const email = uniqueEmail();
    const before = await shop.sql.query('payments', `select id from payments where status = 'captured'`);
    const orders = await shop.sql.query('orders', 'select id from orders');
    const problem = await expectProblem(
      await checkout(cart(email, 'tok_declined'), unique('declined')),
      402,
      'SAGA_COMPENSATED',
    );
    expect(problem.sagaId).to.match(UUID_V7);
    expect(problem.cause).to.deep.include({ code: 'PAYMENT_DECLINED' });
    const saga = await view(String(problem.sagaId));
    expect(saga.status).to.equal('compensated');
    const failed = saga.steps.find((step) => step.name === problem.failedStep);
    expect(failed?.status).to.equal('failed');
    expect(failed?.error?.code).to.equal('PAYMENT_DECLINED');
    expect(saga.steps.map((step) => step.status)).to.deep.equal([
      'compensated',
      'compensated',
      'failed',
      'pending',
    ]);
    expect((await traces(email)).users).to.equal(0);
    expect(await shop.sql.query('orders', 'select id from orders')).to.deep.equal(orders);
    expect(
      await shop.sql.query('payments', `select id from payments where status = 'captured'`),
    ).to.deep.equal(before);
  });

  it('responds 409 when the e-mail is taken, and does not change the other user', async () => {
    const email = uniqueEmail();
    await json(await post(`${shop.url}/api/users`, { name: 'Bob', email }), 201);
    const problem = await expectProblem(
      await checkout(cart(email, 'tok_ok'), unique('taken')),
      409,
      'SAGA_COMPENSATED',
    );
    expect(problem.cause).to.deep.include({ code: 'EMAIL_TAKEN' });
    expect(await traces(email)).to.deep.equal({ users: 1, orders: [], payments: [] });
  });

  it('retries a payment whose failure is temporary', async () => {
    const email = uniqueEmail();
    const done = await json<CompletedCheckout>(
      await checkout(cart(email, 'tok_flaky'), unique('flaky')),
      201,
    );
    expect((await view(done.sagaId)).steps.map((step) => step.attempts)).to.deep.equal([1, 1, 3, 1]);
    expect(await traces(email)).to.deep.equal({ users: 1, orders: ['confirmed'], payments: ['captured'] });
  });

  it('refunds a captured payment when the order can no longer be confirmed', async function () {
    this.timeout(30_000);
    const body = cart(uniqueEmail(), 'tok_timeout');
    const pending = checkout(body, unique('refund'));
    const rows = (database: string, statement: string, value: unknown): Promise<{ id: number }[]> =>
      until(
        () => shop.sql.query<{ id: number }>(database, statement, [value]),
        (found) => found.length > 0,
      );
    const [user] = await rows('users', 'select id from users where email = $1', body.user.email);
    const [order] = await rows('orders', 'delete from orders where user_id = $1 returning id', user?.id);
    const problem = await expectProblem(await pending, 409, 'SAGA_COMPENSATED');
    expect(problem.cause).to.deep.include({ code: 'NOT_FOUND' });
    expect((await traces(body.user.email)).users).to.equal(0);
    const kept = await shop.sql.query('payments', 'select status from payments where order_id = $1', [
      order?.id,
    ]);
    expect(kept).to.deep.equal([{ status: 'refunded' }]);
  });

  it('continues after a response 202 when the client prefers not to wait', async () => {
    const response = await checkout(cart(uniqueEmail(), 'tok_flaky'), unique('async'), {
      prefer: 'respond-async',
    });
    const location = response.headers.get('location');
    expect(response.headers.get('preference-applied')).to.equal('respond-async');
    const started = await json<CompletedCheckout>(response, 202);
    expect(started.status).to.equal('running');
    expect(location).to.match(new RegExp(`/api/checkout/${started.sagaId}$`));
    const saga = await until(
      () => view(started.sagaId),
      ({ status }) => status !== 'running' && status !== 'waiting',
    );
    expect(saga.status).to.equal('completed');
  });

  describe('by its Idempotency-Key', () => {
    it('is refused without one', async () => {
      await expectProblem(await checkout(cart(uniqueEmail(), 'tok_ok')), 400, 'IDEMPOTENCY_KEY_REQUIRED');
    });

    for (const [what, key] of [
      ['256 characters', 'k'.repeat(256)],
      ['a space inside', 'a b'],
    ] as const) {
      it(`is refused when the key is one of ${what}`, async () => {
        await expectProblem(await checkout(cart(uniqueEmail(), 'tok_ok'), key), 422, 'VALIDATION_FAILED');
      });
    }

    it('accepts a key of 255 visible characters', async () => {
      const key = unique('~!k').padEnd(255, '~');
      await json(await checkout(cart(uniqueEmail(), 'tok_ok'), key), 201);
    });

    it('repeats the same response and does nothing twice, whatever the order of the JSON members', async () => {
      const email = uniqueEmail();
      const key = unique('twice');
      const body = cart(email, 'tok_ok');
      const first = await json<CompletedCheckout>(await checkout(body, key), 201);
      expect(await json<CompletedCheckout>(await checkout(body, key), 201)).to.deep.equal(first);
      const { user, item, payment } = body;
      const turned = JSON.stringify({ payment, item, user: { email: user.email, name: user.name } }, null, 2);
      expect(await json<CompletedCheckout>(await checkout(turned, key), 201)).to.deep.equal(first);
      expect(await traces(email)).to.deep.equal({ users: 1, orders: ['confirmed'], payments: ['captured'] });
    });

    it('repeats a refusal, with the id of the same saga', async () => {
      const key = unique('refused');
      const body = cart(uniqueEmail(), 'tok_declined');
      const first = await expectProblem(await checkout(body, key), 402, 'SAGA_COMPENSATED');
      const second = await expectProblem(await checkout(body, key), 402, 'SAGA_COMPENSATED');
      const shown = (problem: Problem): unknown[] => [problem.sagaId, problem.failedStep, problem.cause];
      expect(shown(second)).to.deep.equal(shown(first));
    });

    it('has one effect when ten requests come at once', async () => {
      const email = uniqueEmail();
      const key = unique('storm');
      const responses = await Promise.all(
        Array.from({ length: 10 }, () => checkout(cart(email, 'tok_ok'), key)),
      );
      const sagas = new Set<string>();
      for (const response of responses) {
        if (response.status === 201) sagas.add((await json<CompletedCheckout>(response, 201)).sagaId);
        else await expectProblem(response, 409, 'IDEMPOTENCY_IN_PROGRESS');
      }
      expect(sagas.size).to.equal(1);
      expect(await traces(email)).to.deep.equal({ users: 1, orders: ['confirmed'], payments: ['captured'] });
    });

    it('is refused when the key comes with another body', async () => {
      const key = unique('reused');
      await json(await checkout(cart(uniqueEmail(), 'tok_ok'), key), 201);
      await expectProblem(await checkout(cart(uniqueEmail(), 'tok_ok'), key), 422, 'IDEMPOTENCY_KEY_REUSED');
    });

    it('is refused with Retry-After while the first request runs', async () => {
      const body = cart(uniqueEmail(), 'tok_timeout');
      const key = unique('busy');
      await json(await checkout(body, key, { prefer: 'respond-async' }), 202);
      const again = await checkout(body, key);
      expect(Number(again.headers.get('retry-after'))).to.be.at.least(1);
      expect(again.headers.get('location')).to.match(/\/api\/checkout\/[0-9a-f-]{36}$/);
      await expectProblem(again, 409, 'IDEMPOTENCY_IN_PROGRESS');
    });
  });

  const invalid: [string, unknown, string][] = [
    ['no user', { ...cart('a@example.com', 'tok_ok'), user: undefined }, '/user'],
    [
      'a quantity of 0',
      { ...cart('a@example.com', 'tok_ok'), item: { productId: 1, quantity: 0 } },
      '/item/quantity',
    ],
    ['a bad e-mail', cart('no-address', 'tok_ok'), '/user/email'],
  ];
  for (const [what, body, path] of invalid) {
    it(`refuses ${what} before a saga begins`, async () => {
      const problem = await expectProblem(await checkout(body, unique('invalid')), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.include(path);
    });
  }

  it('responds 404 to an unknown saga and refuses a bad id', async () => {
    const unknown = `${shop.url}/api/checkout/01890a5d-ac96-774b-bcce-b302099a8057`;
    await expectProblem(await get(unknown), 404, 'NOT_FOUND');
    await expectProblem(await get(`${shop.url}/api/checkout/42`), 422, 'VALIDATION_FAILED');
  });

  it('hides the routes that only its saga uses: 404 for all clients', async () => {
    const body = { key: unique('outside') };
    await expectProblem(await post(`${shop.url}/internal/users/undo`, body), 404, 'ROUTE_NOT_FOUND');
  });

  it('finds a capture whose response was lost, and completes', async () => {
    const email = uniqueEmail();
    const done = await json<CompletedCheckout>(
      await checkout(cart(email, 'tok_timeout'), unique('lost')),
      201,
    );
    expect(done.status).to.equal('completed');
    expect(await traces(email)).to.deep.equal({ users: 1, orders: ['confirmed'], payments: ['captured'] });
  });
});
