import { expect } from 'chai';
import { json, unique, uniqueEmail } from '#test/support/client.js';
import { useInProcessShop } from '#test/support/in-process-shop.js';
import { expectProblem, type Problem } from '#test/support/problem.js';
import {
  anyId,
  type CheckoutProgress,
  type CompletedCheckout,
  checkoutBody,
} from '#test/support/shop-messages.js';

/** The rows that the services have for one customer and one product; orders are found by their product. */
interface Traces {
  readonly users: number;
  readonly orders: readonly string[];
  readonly payments: readonly string[];
}

const NOTHING: Traces = { users: 0, orders: [], payments: [] };
const ALL: Traces = { users: 1, orders: ['confirmed'], payments: ['captured'] };

type Cart = ReturnType<typeof cartOf>;
/** A cart whose product and amount no other cart has. */
const cartOf = (method: string, email?: string) =>
  checkoutBody(method, {
    ...(email !== undefined && { email }),
    productId: anyId(),
    amountCents: 1 + Math.floor(Math.random() * 1e9),
  });

/** The pause between two polls. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

describe('the checkout', () => {
  const shop = useInProcessShop();
  afterEach(() => shop.unreachable.clear());

  const checkout = (json: unknown, key?: string, headers: Record<string, string> = {}): Promise<Response> =>
    shop.request('POST', '/api/checkout', {
      json,
      // The runtime ignores the deadline of an external client.
      inProcess: 'x-request-deadline' in headers,
      headers: key === undefined ? headers : { 'idempotency-key': key, ...headers },
    });
  const view = async (sagaId: string): Promise<CheckoutProgress> =>
    json(await shop.request('GET', `/api/checkout/${sagaId}`));
  const ended = async (sagaId: string): Promise<CheckoutProgress> => {
    for (;;) {
      const saga = await view(sagaId);
      if (['completed', 'compensated', 'needs-attention'].includes(saga.status)) return saga;
      await pause();
    }
  };
  const tracesOf = async ({ user, item, payment }: Cart): Promise<Traces> => {
    const [users, orders, payments] = await Promise.all([
      shop.rows('users', 'select 1 from users where email = $1', [user.email]),
      shop.rows<{ status: string }>('orders', 'select status from orders where product_id = $1', [
        item.productId,
      ]),
      shop.rows<{ status: string }>('payments', 'select status from payments where amount_cents = $1', [
        payment.amountCents,
      ]),
    ]);
    return {
      users: users.length,
      orders: orders.map(({ status }) => status),
      payments: payments.map(({ status }) => status),
    };
  };
  const sagas = async (key: string): Promise<number> =>
    (await shop.rows('checkout', 'select 1 from saga where idempotency_key = $1', [key])).length;

  it('creates a user, a confirmed order and a captured payment', async () => {
    const cart = cartOf('tok_ok');
    const response = await checkout(cart, unique('ok'));
    const done = await json<CompletedCheckout>(response, 201);
    expect(done).to.have.all.keys('sagaId', 'status', 'userId', 'orderId', 'paymentId');
    expect(done.status).to.equal('completed');
    expect(response.headers.get('location')).to.equal(`/api/checkout/${done.sagaId}`);
    expect(await tracesOf(cart)).to.deep.equal(ALL);
    const order = await json<{ userId: number }>(await shop.request('GET', `/api/orders/${done.orderId}`));
    expect(order.userId).to.equal(done.userId);
    const [payment] = await shop.rows<{ order_id: number }>(
      'payments',
      'select order_id from payments where id = $1',
      [done.paymentId],
    );
    expect(payment?.order_id).to.equal(done.orderId);
  });

  it('shows its saga step by step', async () => {
    const { sagaId } = await json<CompletedCheckout>(await checkout(cartOf('tok_ok'), unique('view')), 201);
    const saga = await view(sagaId);
    expect(saga).to.have.all.keys('sagaId', 'saga', 'status', 'steps');
    expect(saga).to.include({ sagaId, saga: 'checkout', status: 'completed' });
    expect(saga.steps.map(({ name }) => name)).to.deep.equal([
      'create-user',
      'create-order',
      'capture-payment',
      'confirm-order',
    ]);
    for (const step of saga.steps) {
      expect(step).to.have.all.keys('name', 'status', 'attempts', 'startedAt', 'finishedAt', 'error');
      expect(step).to.include({ status: 'completed', attempts: 1, error: null });
      expect(Date.parse(step.finishedAt!)).to.be.at.least(Date.parse(step.startedAt!));
    }
  });

  it('captures in the given currency', async () => {
    const cart = cartOf('tok_ok');
    const body = { ...cart, payment: { ...cart.payment, currency: 'CHF' } };
    const { paymentId } = await json<CompletedCheckout>(await checkout(body, unique('chf')), 201);
    const found = await shop.rows('payments', 'select currency from payments where id = $1', [paymentId]);
    expect(found).to.deep.equal([{ currency: 'CHF' }]);
  });

  it('leaves nothing behind when the payment is declined, and reports the failed step and the cause', async () => {
    const cart = cartOf('tok_declined');
    const response = await checkout(cart, unique('declined'));
    const problem = await expectProblem(response, 402, 'SAGA_COMPENSATED');
    expect(problem.failedStep).to.equal('capture-payment');
    expect(problem.cause).to.deep.equal({ code: 'PAYMENT_DECLINED' });
    expect(await tracesOf(cart)).to.deep.equal(NOTHING);
    const saga = await view(problem.sagaId as string);
    expect(saga.status).to.equal('compensated');
    expect(saga.steps.map(({ status }) => status)).to.deep.equal([
      'compensated',
      'compensated',
      'failed',
      'pending',
    ]);
    expect(saga.steps[2]?.error?.code).to.equal('PAYMENT_DECLINED');
  });

  it('is 409 when the e-mail address is taken, and does not change its owner', async () => {
    const email = uniqueEmail();
    await json(await shop.request('POST', '/api/users', { json: { name: 'Bob', email } }), 201);
    const cart = cartOf('tok_ok', email);
    const problem = await expectProblem(await checkout(cart, unique('taken')), 409, 'SAGA_COMPENSATED');
    expect(problem.failedStep).to.equal('create-user');
    expect(problem.cause).to.deep.equal({ code: 'EMAIL_TAKEN' });
    expect(await tracesOf(cart)).to.deep.equal({ ...NOTHING, users: 1 });
  });

  it('retries a payment that fails with a retryable error, and counts each attempt once', async () => {
    const cart = cartOf('tok_flaky');
    const { sagaId } = await json<CompletedCheckout>(await checkout(cart, unique('flaky')), 201);
    expect((await view(sagaId)).steps.map(({ attempts }) => attempts)).to.deep.equal([1, 1, 3, 1]);
    expect(await tracesOf(cart)).to.deep.equal(ALL);
  });

  it('waits while a service is not reachable, and continues afterwards', async () => {
    shop.unreachable.add('orders');
    const cart = cartOf('tok_ok');
    const response = await checkout(cart, unique('away'), { prefer: 'respond-async' });
    const { sagaId } = await json<CompletedCheckout>(response, 202);
    while (((await view(sagaId)).steps[1]?.attempts ?? 0) < 2) await pause();
    expect(await tracesOf(cart)).to.deep.equal({ ...NOTHING, users: 1 });
    shop.unreachable.clear();
    expect((await ended(sagaId)).status).to.equal('completed');
    expect(await tracesOf(cart)).to.deep.equal(ALL);
  });

  it('retries the compensation until everything is undone', async () => {
    shop.unreachable.add('payments');
    const cart = cartOf('tok_declined');
    const response = await checkout(cart, unique('undo'), { prefer: 'respond-async' });
    const { sagaId } = await json<CompletedCheckout>(response, 202);
    while ((await view(sagaId)).steps[2]?.status === 'pending') await pause();
    shop.unreachable.add('users');
    shop.unreachable.delete('payments');
    while ((await view(sagaId)).steps[0]?.status !== 'compensating') await pause();
    expect(await tracesOf(cart)).to.deep.equal({ ...NOTHING, users: 1 });
    shop.unreachable.clear();
    expect((await ended(sagaId)).status).to.equal('compensated');
    expect(await tracesOf(cart)).to.deep.equal(NOTHING);
  });

  describe('with a lost response of the payment provider', () => {
    // The three run at once, since each takes as long as the step waits for the provider.
    const plain = cartOf('tok_timeout');
    const orphan = cartOf('tok_timeout');
    const hasty = cartOf('tok_timeout');
    let found: Response;
    let refunded: Response;
    let again: Response;
    let accepted: Response;
    before(async () => {
      const key = unique('lost');
      const pending = [
        checkout(plain, key),
        checkout(orphan, unique('orphan')),
        // The client waits 1.3 s, the step 2 s: the response is sent 1 s before the client's deadline.
        checkout(hasty, unique('hasty'), { 'x-request-deadline': '1300' }),
      ];
      while ((await sagas(key)) === 0) await pause();
      again = await checkout(plain, key);
      const removal = 'delete from orders where product_id = $1 returning id';
      while ((await tracesOf(orphan)).payments.length === 0) await pause();
      await shop.rows('orders', removal, [orphan.item.productId]);
      [found, refunded, accepted] = (await Promise.all(pending)) as [Response, Response, Response];
    });

    it('finds the capture by its key and completes', async () => {
      const done = await json<CompletedCheckout>(found, 201);
      expect(done.status).to.equal('completed');
      expect(await tracesOf(plain)).to.deep.equal(ALL);
    });

    it('refers a repeated request to its location while it runs', async () => {
      expect(again.headers.get('retry-after')).to.equal('1');
      expect(again.headers.get('location')).to.match(/^\/api\/checkout\/[0-9a-f-]{36}$/);
      await expectProblem(again, 409, 'IDEMPOTENCY_IN_PROGRESS');
    });

    it('refunds the capture, and keeps it, when the order cannot be confirmed', async () => {
      const problem = await expectProblem(refunded, 409, 'SAGA_COMPENSATED');
      expect(problem.failedStep).to.equal('confirm-order');
      expect(problem.cause).to.deep.equal({ code: 'NOT_FOUND' });
      expect(await tracesOf(orphan)).to.deep.equal({ ...NOTHING, payments: ['refunded'] });
    });

    it('responds 202 one second before the deadline, and is not interrupted', async () => {
      const { sagaId, ...rest } = await json<CompletedCheckout>(accepted, 202);
      expect(rest).to.deep.equal({ status: 'running' });
      expect(accepted.headers.get('location')).to.equal(`/api/checkout/${sagaId}`);
      expect(accepted.headers.get('preference-applied')).to.equal(null);
      expect((await ended(sagaId)).status).to.equal('completed');
      expect(await tracesOf(hasty)).to.deep.equal(ALL);
    });
  });

  it('responds at once when the client prefers that', async () => {
    const cart = cartOf('tok_flaky');
    const key = unique('async');
    const response = await checkout(cart, key, { prefer: 'respond-async, wait=10' });
    expect(response.headers.get('preference-applied')).to.equal('respond-async');
    const { sagaId, ...rest } = await json<CompletedCheckout>(response, 202);
    expect(rest).to.deep.equal({ status: 'running' });
    expect(response.headers.get('location')).to.equal(`/api/checkout/${sagaId}`);
    expect((await ended(sagaId)).status).to.equal('completed');
    expect((await json<CompletedCheckout>(await checkout(cart, key), 201)).sagaId).to.equal(sagaId);
  });

  describe('by its Idempotency-Key', () => {
    it('is refused without one', async () => {
      const cart = cartOf('tok_ok');
      await expectProblem(await checkout(cart), 400, 'IDEMPOTENCY_KEY_REQUIRED');
      await expectProblem(await checkout(cart, ''), 400, 'IDEMPOTENCY_KEY_REQUIRED');
      expect(await tracesOf(cart)).to.deep.equal(NOTHING);
    });

    for (const [what, key] of [
      ['256 characters', 'k'.repeat(256)],
      ['a space', 'a b'],
    ] as const) {
      it(`is refused with one of ${what}`, async () => {
        await expectProblem(await checkout(cartOf('tok_ok'), key), 422, 'VALIDATION_FAILED');
      });
    }

    it('accepts a key of 255 visible characters', async () => {
      const key = unique('~!"{}/').padEnd(255, '~');
      await json(await checkout(cartOf('tok_ok'), key), 201);
    });

    it('repeats the response and does nothing twice, whatever the order of the members', async () => {
      const cart = cartOf('tok_ok');
      const key = unique('twice');
      const first = await json<CompletedCheckout>(await checkout(cart, key), 201);
      const { user, item, payment } = cart;
      const turned = { payment, item, user: { email: user.email, name: user.name } };
      expect(await json<CompletedCheckout>(await checkout(turned, key), 201)).to.deep.equal(first);
      expect(await tracesOf(cart)).to.deep.equal(ALL);
    });

    it('repeats the refusal of the same saga', async () => {
      const cart = cartOf('tok_declined');
      const key = unique('refused');
      const told = (problem: Problem): unknown[] => [problem.sagaId, problem.failedStep, problem.cause];
      const first = told(await expectProblem(await checkout(cart, key), 402, 'SAGA_COMPENSATED'));
      const second = told(await expectProblem(await checkout(cart, key), 402, 'SAGA_COMPENSATED'));
      expect(second).to.deep.equal(first);
      expect(await sagas(key)).to.equal(1);
    });

    it('is refused with another body', async () => {
      const key = unique('reused');
      await json(await checkout(cartOf('tok_ok'), key), 201);
      const other = cartOf('tok_ok');
      await expectProblem(await checkout(other, key), 422, 'IDEMPOTENCY_KEY_REUSED');
      expect(await tracesOf(other)).to.deep.equal(NOTHING);
    });

    it('has one effect when ten requests arrive at once', async () => {
      const cart = cartOf('tok_ok');
      const key = unique('storm');
      const responses = await Promise.all(Array.from({ length: 10 }, () => checkout(cart, key)));
      const done = responses.filter(({ status }) => status === 201);
      expect(done, 'the one that started it waits for its end').to.have.length.greaterThan(0);
      for (const response of responses) {
        if (response.status !== 201) await expectProblem(response, 409, 'IDEMPOTENCY_IN_PROGRESS');
      }
      expect(await tracesOf(cart)).to.deep.equal(ALL);
      expect(await sagas(key)).to.equal(1);
    });
  });

  const cart = cartOf('tok_ok');
  const invalid: [string, unknown, string][] = [
    ['no user', { ...cart, user: undefined }, '/user'],
    ['an empty name', { ...cart, user: { ...cart.user, name: '' } }, '/user/name'],
    ['a bad e-mail', { ...cart, user: { ...cart.user, email: 'ada' } }, '/user/email'],
    ['a quantity of 0', { ...cart, item: { ...cart.item, quantity: 0 } }, '/item/quantity'],
    ['no amount', { ...cart, payment: { method: 'tok_ok' } }, '/payment/amountCents'],
    ['an unknown method', { ...cart, payment: { ...cart.payment, method: 'cash' } }, '/payment/method'],
    [
      'no currency of ISO 4217',
      { ...cart, payment: { ...cart.payment, currency: 'ZZQ' } },
      '/payment/currency',
    ],
  ];
  for (const [what, body, path] of invalid) {
    it(`refuses ${what} before a saga starts`, async () => {
      const key = unique('invalid');
      const problem = await expectProblem(await checkout(body, key), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.deep.equal([path]);
      expect(await sagas(key)).to.equal(0);
    });
  }

  it('does not find an unknown saga and refuses a malformed id', async () => {
    const get = (id: string): Promise<Response> => shop.request('GET', `/api/checkout/${id}`);
    await expectProblem(await get('01890a5d-ac96-774b-bcce-b302099a8057'), 404, 'NOT_FOUND');
    for (const id of ['42', 'x'.repeat(36), '01890a5d-ac96-774b-bcce-b302099a805']) {
      await expectProblem(await get(id), 422, 'VALIDATION_FAILED');
    }
  });
});
