import { expect } from 'chai';
import { json, unique } from '#test/support/client.js';
import { useInProcessShop } from '#test/support/in-process-shop.js';
import { expectProblem } from '#test/support/problem.js';
import { anyId, type Payment } from '#test/support/shop-messages.js';

describe('the payments service', () => {
  const shop = useInProcessShop();

  const pay = (body: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Response> =>
    shop.request('POST', '/api/payments', {
      // The runtime ignores the deadline of an external client.
      inProcess: 'x-request-deadline' in headers,
      json: { orderId: 1, amountCents: 1999, method: 'tok_ok', ...body },
      headers,
    });
  const rows = (orderId: number): Promise<{ status: string; method: string }[]> =>
    shop.rows('payments', 'select status, method from payments where order_id = $1', [orderId]);

  const outcome = (key: string): Promise<Response> =>
    shop.request('GET', `/internal/payments/outcome?key=${key}`, { inProcess: true });

  it('captures a payment, in USD unless another currency is given', async () => {
    const orderId = anyId();
    const payment = await json<Payment>(await pay({ orderId, amountCents: 1_000_000_000 }), 201);
    expect(payment).to.have.all.keys('id', 'orderId', 'amountCents', 'currency', 'status', 'createdAt');
    expect(payment).to.include({
      orderId,
      amountCents: 1_000_000_000,
      currency: 'USD',
      status: 'captured',
    });
    expect(await rows(orderId)).to.deep.equal([{ status: 'captured', method: 'tok_ok' }]);
    expect((await json<Payment>(await pay({ currency: 'EUR' }), 201)).currency).to.equal('EUR');
  });

  const invalid: [string, Record<string, unknown>, string][] = [
    ['an amount of 0', { amountCents: 0 }, '/amountCents'],
    ['an amount over 10^9', { amountCents: 1_000_000_001 }, '/amountCents'],
    ['a broken amount', { amountCents: 10.5 }, '/amountCents'],
    ['a currency that is no code', { currency: 'dollars' }, '/currency'],
    ['a currency that ISO 4217 does not have', { currency: 'ZZQ' }, '/currency'],
    ['no method', { method: undefined }, '/method'],
    ['a method that is none', { method: 'tok_gold' }, '/method'],
  ];
  for (const [what, part, path] of invalid) {
    it(`refuses ${what}, pointing at it`, async () => {
      const problem = await expectProblem(await pay(part), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.deep.equal([path]);
    });
  }

  it('declines tok_declined finally, and captures nothing', async () => {
    const orderId = anyId();
    const headers = { 'idempotency-key': unique('pay') };
    for (let time = 0; time < 2; time++) {
      const response = await pay({ orderId, method: 'tok_declined' }, headers);
      await expectProblem(response, 402, 'PAYMENT_DECLINED');
    }
    expect(await rows(orderId)).to.deep.equal([]);
  });

  it('captures once for one Idempotency-Key', async () => {
    const orderId = anyId();
    const headers = { 'idempotency-key': unique('pay') };
    const first = await json<Payment>(await pay({ orderId }, headers), 201);
    expect(await json<Payment>(await pay({ orderId }, headers), 201)).to.deep.equal(first);
    expect(await rows(orderId)).to.have.length(1);
    await expectProblem(await pay({ orderId, amountCents: 1 }, headers), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('fails tok_flaky with a retryable error twice for a key, then captures once', async () => {
    const orderId = anyId();
    const headers = { 'idempotency-key': unique('flaky') };
    for (let time = 0; time < 2; time++) {
      // The provider was not available; Retry-After has the seconds to wait.
      await expectProblem(await pay({ orderId, method: 'tok_flaky' }, headers), 503, 'OVERLOADED');
      expect(await rows(orderId)).to.deep.equal([]);
    }
    const payment = await json<Payment>(await pay({ orderId, method: 'tok_flaky' }, headers), 201);
    expect(await json<Payment>(await pay({ orderId, method: 'tok_flaky' }, headers), 201)).to.deep.equal(
      payment,
    );
    expect(await rows(orderId)).to.have.length(1);
  });

  it('fails tok_flaky without a key every time, since each request is a first attempt', async () => {
    for (let time = 0; time < 3; time++) {
      await expectProblem(await pay({ method: 'tok_flaky' }), 503, 'OVERLOADED');
    }
  });

  it('captures tok_timeout and never responds before the deadline, nor to a repeated request', async () => {
    const orderId = anyId();
    const key = unique('timeout');
    for (const deadline of ['1500', '100']) {
      const headers = { 'idempotency-key': key, 'x-request-deadline': deadline };
      await expectProblem(await pay({ orderId, method: 'tok_timeout' }, headers), 504, 'DEADLINE_EXCEEDED');
      expect(await rows(orderId)).to.deep.equal([{ status: 'captured', method: 'tok_timeout' }]);
    }
    // The response was lost, but the stored response of the key remains.
    const { status, body } = await json<{ status: number; body: Payment }>(await outcome(key));
    expect(status).to.equal(201);
    expect(body).to.include({ orderId, status: 'captured' });
  });

  describe('between services', () => {
    const undo = (key: string): Promise<Response> =>
      shop.request('POST', '/internal/payments/undo', { json: { key }, inProcess: true });

    it('has no stored response for an unknown key', async () => {
      await expectProblem(await outcome(unique('nothing')), 404, 'NOT_FOUND');
    });

    it('refunds a capture and keeps the row', async () => {
      const orderId = anyId();
      const key = unique('saga/capture');
      await json(await pay({ orderId }, { 'idempotency-key': key }), 201);
      for (let time = 0; time < 2; time++) expect((await undo(key)).status).to.equal(204);
      expect(await rows(orderId)).to.deep.equal([{ status: 'refunded', method: 'tok_ok' }]);
    });

    it('does not capture when the undo came first', async () => {
      const orderId = anyId();
      const key = unique('saga/capture');
      expect((await undo(key)).status).to.equal(204);
      await expectProblem(await pay({ orderId }, { 'idempotency-key': key }), 409, 'STEP_CANCELLED');
      expect(await rows(orderId)).to.deep.equal([]);
    });

    it('refuses requests from outside', async () => {
      const response = await shop.request('POST', '/internal/payments/undo', { json: { key: 'a' } });
      await expectProblem(response, 404, 'ROUTE_NOT_FOUND');
    });
  });
});
