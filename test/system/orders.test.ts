import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { get, json, post } from '#test/support/client.js';
import { pdfText } from '#test/support/pdf.js';
import { expectProblem } from '#test/support/problem.js';
import { anyId, type Order } from '#test/support/shop-messages.js';
import { until } from '#test/support/until.js';
import { useSharedShop } from './shop.js';

describe('the orders service', () => {
  const shop = useSharedShop();
  const orders = (): string => `${shop.url}/api/orders`;
  const create = async (userId: number): Promise<Order> =>
    json(await post(orders(), { userId, productId: 9007199254740991, quantity: 1000 }), 201);

  it('creates a pending order and returns it', async () => {
    const userId = anyId();
    const order = await create(userId);
    expect(order).to.have.all.keys('id', 'userId', 'productId', 'quantity', 'status', 'createdAt');
    expect(order).to.include({ userId, productId: 9007199254740991, quantity: 1000, status: 'pending' });
    expect(await json<Order>(await get(`${orders()}/${order.id}`))).to.deep.equal(order);
  });

  const invalid: [string, Record<string, unknown>, string][] = [
    ['a quantity of 0', { quantity: 0 }, '/quantity'],
    ['a quantity of 1001', { quantity: 1001 }, '/quantity'],
    ['half a product', { productId: 1.5 }, '/productId'],
    ['a product beyond 2^53-1', { productId: 2 ** 53 }, '/productId'],
    ['a user as text', { userId: '1' }, '/userId'],
  ];
  for (const [what, part, path] of invalid) {
    it(`refuses ${what}`, async () => {
      const body = { userId: 1, productId: 1, quantity: 1, ...part };
      const problem = await expectProblem(await post(orders(), body), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.deep.equal([path]);
    });
  }

  it('refuses a bad id with 422 and responds 404 to an unknown one', async () => {
    await expectProblem(await get(`${orders()}/x`), 422, 'VALIDATION_FAILED');
    await expectProblem(await get(`${orders()}/9007199254740991`), 404, 'NOT_FOUND');
    await expectProblem(await get(`${orders()}/9007199254740991/invoice.pdf`), 404, 'NOT_FOUND');
  });

  it('lists the orders of a user, newest first, page by page through Link', async () => {
    const userId = anyId();
    const made: number[] = [];
    for (let n = 0; n < 5; n += 1) made.push((await create(userId)).id);
    let next: string | undefined = `/api/users/${userId}/orders?limit=2`;
    const sizes: number[] = [];
    const seen: number[] = [];
    while (next !== undefined) {
      const response = await get(new URL(next, shop.url).href);
      const page = await json<Order[]>(response.clone());
      sizes.push(page.length);
      seen.push(...page.map((order) => order.id));
      next = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(seen).to.deep.equal(made.toReversed());
    expect(sizes).to.deep.equal([2, 2, 1]);
  });

  it('returns 20 orders when no limit is set, and an empty list for a user without orders', async () => {
    const userId = anyId();
    await Promise.all(Array.from({ length: 21 }, () => create(userId)));
    const list = `${shop.url}/api/users/${userId}/orders`;
    expect(await json<Order[]>(await get(list))).to.have.length(20);
    expect(await json<Order[]>(await get(`${list}?limit=100`))).to.have.length(21);
    expect(await json<Order[]>(await get(`${shop.url}/api/users/${anyId()}/orders`))).to.deep.equal([]);
  });

  it('refuses a limit outside 1..100 and a cursor that it did not issue', async () => {
    const list = `${shop.url}/api/users/1/orders`;
    for (const limit of ['0', '101', 'ten', '']) {
      await expectProblem(await get(`${list}?limit=${limit}`), 422, 'VALIDATION_FAILED');
    }
    for (const cursor of ['x', 'AAAA', '%00', `${'A'.repeat(500)}`]) {
      await expectProblem(await get(`${list}?cursor=${cursor}`), 422, 'BAD_CURSOR');
    }
  });

  describe('the invoice', () => {
    let order: Order;

    it('is a whole PDF file', async () => {
      order = await create(anyId());
      const response = await get(`${orders()}/${order.id}/invoice.pdf`);
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.match(/^application\/pdf/);
      const pdf = Buffer.from(await response.arrayBuffer());
      expect(pdf.subarray(0, 5).toString('latin1')).to.equal('%PDF-');
      expect(pdf.subarray(-16).toString('latin1')).to.contain('%%EOF');
    });

    it('shows the order, its product and its quantity', async () => {
      const response = await get(`${orders()}/${order.id}/invoice.pdf`);
      const text = pdfText(Buffer.from(await response.arrayBuffer()));
      for (const shown of [order.id, order.productId, order.quantity]) expect(text).to.contain(`${shown}`);
    });

    it('is rendered for many requests at once while other requests are served', async () => {
      const pdfs = Promise.all(Array.from({ length: 12 }, () => get(`${orders()}/${order.id}/invoice.pdf`)));
      expect((await get(`${shop.url}/health`)).status).to.equal(200);
      for (const pdf of await pdfs) {
        expect(pdf.status).to.equal(200);
        expect(
          Buffer.from(await pdf.arrayBuffer())
            .subarray(0, 4)
            .toString(),
        ).to.equal('%PDF');
      }
    });
  });

  describe('the sales report', () => {
    const openStreams = async (): Promise<string> =>
      /^multilane_open_streams (\d+)$/m.exec(await (await get(`${shop.adminUrl}/metrics`)).text())![1]!;

    it('has a line for each product that was ordered', async () => {
      const { productId } = await create(anyId());
      const response = await get(`${orders()}/report.csv`);
      expect(response.headers.get('content-type')).to.equal('text/csv; charset=utf-8; header=present');
      const lines = (await response.text()).split('\r\n');
      expect(lines[0]).to.match(/^product_id,orders,quantity,/);
      expect(lines.filter((line) => line.startsWith(`${productId},`))).to.have.length(1);
    });

    it('ends when its client leaves, however much is left', async () => {
      // More than the sockets between client and server hold.
      const first = 8_000_000_000_000_000;
      await shop.sql.query(
        'orders',
        `insert into orders (user_id, product_id, quantity)
         select 1, ${first} + n, 1 from generate_series(1, 150000) n`,
      );
      try {
        const request = httpGet(`${orders()}/report.csv`);
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        await once(response, 'readable');
        expect(await until(openStreams, (open) => open === '1')).to.equal('1');
        request.on('error', () => undefined);
        response.destroy();
        expect(await until(openStreams, (open) => open === '0')).to.equal('0');
      } finally {
        await shop.sql.query('orders', `delete from orders where product_id > ${first}`);
      }
    }).timeout(60_000);
  });
});
