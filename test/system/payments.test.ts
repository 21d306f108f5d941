import { expect } from 'chai';
import { get, json, post, unique } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import { useSharedShop } from './shop.js';

interface Payment {
  readonly id: number;
  readonly orderId: number;
  readonly amountCents: number;
  readonly currency: string;
  readonly status: string;
  readonly createdAt: string;
}

const anyOrder = (): number => 1 + Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);

describe('the payments service', () => {
  const shop = useSharedShop();
  const pay = (body: Record<string, unknown>, headers?: Record<string, string>): Promise<Response> =>
    post(`${shop.url}/api/payments`, { orderId: 1, amountCents: 1999, method: 'tok_ok', ...body }, headers);

  it('captures a payment, in USD unless the request names another currency', async () => {
    const orderId = anyOrder();
    const payment = await json<Payment>(await pay({ orderId }), 201);
    expect(payment).to.have.all.keys('id', 'orderId', 'amountCents', 'currency', 'status', 'createdAt');
    expect(payment).to.include({ orderId, amountCents: 1999, currency: 'USD', status: 'captured' });
    expect((await json<Payment>(await pay({ orderId, currency: 'EUR' }), 201)).currency).to.equal('EUR');
  });

  it('declines tok_declined with 402 and captures nothing', async () => {
    const orderId = anyOrder();
    await expectProblem(await pay({ orderId, method: 'tok_declined' }), 402, 'PAYMENT_DECLINED');
    const captured = await shop.sql.query(
      'payments',
      `select 1 from payments where order_id = $1 and status = 'captured'`,
      [orderId],
    );
    expect(captured).to.deep.equal([]);
  });

  it('fails tok_flaky twice for a key with a temporary error, then captures once', async () => {
    const orderId = anyOrder();
    const headers = { 'idempotency-key': unique('flaky') };
    const statuses: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      statuses.push((await pay({ orderId, method: 'tok_flaky' }, headers)).status);
    }
    expect(statuses[0]).to.be.at.least(500);
    expect(statuses[1]).to.be.at.least(500);
    expect(statuses.slice(2)).to.deep.equal([201, 201]);
    const rows = await shop.sql.query('payments', 'select status from payments where order_id = $1', [
      orderId,
    ]);
    expect(rows).to.deep.equal([{ status: 'captured' }]);
  });

  it('does not count a refusal of the provider as an overload of this process', async () => {
    const shed = async (): Promise<string | undefined> =>
      /^multilane_requests_shed_total\{reason="max_in_flight"\} (\d+)$/m.exec(
        await (await get(`${shop.adminUrl}/metrics`)).text(),
      )?.[1];
    const before = await shed();
    await expectProblem(await pay({ method: 'tok_flaky' }), 503, 'OVERLOADED');
    expect(await shed())
      .to.equal(before)
      .and.not.equal(undefined);
  });

  it('captures one payment for one Idempotency-Key', async () => {
    const orderId = anyOrder();
    const headers = { 'idempotency-key': unique('pay') };
    const first = await json<Payment>(await pay({ orderId }, headers), 201);
    expect(await json<Payment>(await pay({ orderId }, headers), 201)).to.deep.equal(first);
    const rows = await shop.sql.query('payments', 'select 1 from payments where order_id = $1', [orderId]);
    expect(rows).to.have.length(1);
  });

  const invalid: [string, Record<string, unknown>, string][] = [
    ['an amount of 0', { amountCents: 0 }, '/amountCents'],
    ['an amount over 10^9', { amountCents: 1_000_000_001 }, '/amountCents'],
    ['a broken amount', { amountCents: 10.5 }, '/amountCents'],
    ['a currency that is no ISO 4217 code', { currency: 'dollars' }, '/currency'],
    ['no method', { method: undefined }, '/method'],
  ];
  for (const [what, part, path] of invalid) {
    it(`refuses ${what}`, async () => {
      const problem = await expectProblem(await pay(part), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.include(path);
    });
  }
});
