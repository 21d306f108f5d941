import { expect } from 'chai';
import { json, unique } from '#test/support/client.js';
import { useInProcessShop } from '#test/support/in-process-shop.js';
import { expectProblem } from '#test/support/problem.js';
import { anyId, type Order } from '#test/support/shop-messages.js';

describe('the orders service', () => {
  const shop = useInProcessShop();

  const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    shop.request('POST', url, { json: body, headers });
  const internal = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    shop.request('POST', url, { json: body, headers, inProcess: true });
  const get = (url: string): Promise<Response> => shop.request('GET', url);
  const create = async (userId = anyId()): Promise<Order> =>
    json(await post('/api/orders', { userId, productId: 7, quantity: 2 }), 201);

  it('creates a pending order, returns its location, and finds it there', async () => {
    const body = { userId: Number.MAX_SAFE_INTEGER, productId: Number.MAX_SAFE_INTEGER, quantity: 1000 };
    const response = await post('/api/orders', body);
    const order = await json<Order>(response, 201);
    expect(order).to.have.all.keys('id', 'userId', 'productId', 'quantity', 'status', 'createdAt');
    expect(order).to.include({ ...body, status: 'pending' });
    expect(response.headers.get('location')).to.equal(`/api/orders/${order.id}`);
    expect(await json<Order>(await get(`/api/orders/${order.id}`))).to.deep.equal(order);
  });

  const invalid: [string, Record<string, unknown>, string][] = [
    ['a quantity of 0', { quantity: 0 }, '/quantity'],
    ['a quantity of 1001', { quantity: 1001 }, '/quantity'],
    ['half a product', { productId: 1.5 }, '/productId'],
    ['a product beyond 2^53-1', { productId: 2 ** 53 }, '/productId'],
    ['a user as text', { userId: '1' }, '/userId'],
  ];
  for (const [what, part, path] of invalid) {
    it(`refuses ${what}, pointing at it`, async () => {
      const response = await post('/api/orders', { userId: 1, productId: 1, quantity: 1, ...part });
      const problem = await expectProblem(response, 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.deep.equal([path]);
    });
  }

  it('creates once for one Idempotency-Key', async () => {
    const userId = anyId();
    const headers = { 'idempotency-key': unique('order') };
    const body = { userId, productId: 1, quantity: 1 };
    const first = await json<Order>(await post('/api/orders', body, headers), 201);
    expect(await json<Order>(await post('/api/orders', body, headers), 201)).to.deep.equal(first);
    expect(await shop.rows('orders', 'select 1 from orders where user_id = $1', [userId])).to.have.length(1);
    const other = await post('/api/orders', { ...body, quantity: 2 }, headers);
    await expectProblem(other, 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  for (const tail of ['', '/invoice.pdf']) {
    it(`refuses a bad id and does not find an unknown one at /api/orders/:id${tail}`, async () => {
      await expectProblem(await get(`/api/orders/x${tail}`), 422, 'VALIDATION_FAILED');
      await expectProblem(await get(`/api/orders/9007199254740991${tail}`), 404, 'NOT_FOUND');
    });
  }

  describe('lists the orders of a user', () => {
    /** All pages, from the first one on, by their links. */
    const pages = async (first: string): Promise<Order[][]> => {
      const found: Order[][] = [];
      for (let next: string | undefined = first; next !== undefined; ) {
        const response = await get(next);
        next = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
        found.push(await json<Order[]>(response));
      }
      return found;
    };

    it('newest first, page by page, none twice and none omitted, also within one millisecond', async () => {
      const userId = anyId();
      await shop.rows(
        'orders',
        `insert into orders (user_id, product_id, quantity, created_at)
         select $1, n, 1, timestamptz '2026-01-01T00:00:00.123Z' + n / 3 * interval '1 millisecond'
         from generate_series(1, 10) n returning id`,
        [userId],
      );
      const found = await pages(`/api/users/${userId}/orders?limit=3`);
      expect(found.map((page) => page.length)).to.deep.equal([3, 3, 3, 1]);
      expect(found.flat().map(({ productId }) => productId)).to.deep.equal([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    });

    it('without a link on a last page that is full', async () => {
      const userId = anyId();
      for (let n = 0; n < 4; n++) await create(userId);
      const found = await pages(`/api/users/${userId}/orders?limit=2`);
      expect(found.map((page) => page.length)).to.deep.equal([2, 2]);
    });

    it('in the same order when new ones are created between two pages', async () => {
      const userId = anyId();
      const older = [await create(userId), await create(userId), await create(userId)];
      const first = await get(`/api/users/${userId}/orders?limit=2`);
      const next = /<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1];
      await create(userId);
      const second = await json<Order[]>(await get(next!));
      expect(second.map(({ id }) => id)).to.deep.equal([older[0]!.id]);
    });

    it('20 on a page by default, none for a user without orders', async () => {
      const userId = anyId();
      await Promise.all(Array.from({ length: 21 }, () => create(userId)));
      expect(await json<Order[]>(await get(`/api/users/${userId}/orders`))).to.have.length(20);
      expect(await json<Order[]>(await get(`/api/users/${userId}/orders?limit=100`))).to.have.length(21);
      expect(await json<Order[]>(await get(`/api/users/${anyId()}/orders`))).to.deep.equal([]);
    });

    for (const limit of ['0', '101', 'ten', '', '1.5', '-1']) {
      it(`but refuses a limit of ${limit === '' ? 'an empty text' : limit}`, async () => {
        const response = await get(`/api/users/1/orders?limit=${limit}`);
        await expectProblem(response, 422, 'VALIDATION_FAILED');
      });
    }

    for (const cursor of ['', 'x', 'AAAA', '%00', 'MS4x%20', 'A'.repeat(500)]) {
      it(`but refuses the cursor ${JSON.stringify(cursor.slice(0, 8))}`, async () => {
        await expectProblem(await get(`/api/users/1/orders?cursor=${cursor}`), 422, 'BAD_CURSOR');
      });
    }

    it('after any position that a cursor can encode', async () => {
      const userId = anyId();
      const order = await create(userId);
      const behind = (place: string): Promise<Response> =>
        get(`/api/users/${userId}/orders?cursor=${Buffer.from(place).toString('base64url')}`);
      expect(await json<Order[]>(await behind('0.1'))).to.deep.equal([]);
      expect(await json<Order[]>(await behind('8640000000000000.9007199254740991'))).to.deep.equal([order]);
    });
  });

  it('renders an invoice on the CPU pool', async () => {
    const order = await create();
    const response = await get(`/api/orders/${order.id}/invoice.pdf`);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('application/pdf');
    expect(response.headers.get('content-disposition')).to.equal(
      `inline; filename="invoice-${order.id}.pdf"`,
    );
    const pdf = Buffer.from(await response.arrayBuffer());
    expect(pdf.subarray(0, 5).toString('latin1')).to.equal('%PDF-');
    expect(pdf.subarray(-6).toString('latin1')).to.contain('%%EOF');
  });

  describe('between services', () => {
    const status = async (id: number): Promise<string | undefined> =>
      (await shop.rows<{ status: string }>('orders', 'select status from orders where id = $1', [id]))[0]
        ?.status;

    it('confirms an order, and undoes the confirmation', async () => {
      const { id } = await create();
      const key = unique('saga/confirm');
      const confirm = (): Promise<Response> =>
        internal('/internal/orders/confirm', { orderId: id }, { 'idempotency-key': key });
      expect((await json<Order>(await confirm())).status).to.equal('confirmed');
      expect((await json<Order>(await confirm())).status).to.equal('confirmed');
      expect((await internal('/internal/orders/confirm/undo', { key })).status).to.equal(204);
      expect(await status(id)).to.equal('pending');
      await expectProblem(await confirm(), 409, 'STEP_CANCELLED');
      expect(await status(id)).to.equal('pending');
    });

    it('does not confirm an unknown order', async () => {
      const response = await internal('/internal/orders/confirm', { orderId: Number.MAX_SAFE_INTEGER });
      await expectProblem(response, 404, 'NOT_FOUND');
    });

    it('undoes a creation by its key, and returns the stored response of a key', async () => {
      const key = unique('saga/create');
      const outcome = (): Promise<Response> =>
        shop.request('GET', `/internal/orders/outcome?key=${key}`, { inProcess: true });
      await expectProblem(await outcome(), 404, 'NOT_FOUND');
      const body = { userId: anyId(), productId: 1, quantity: 1 };
      const order = await json<Order>(await post('/api/orders', body, { 'idempotency-key': key }), 201);
      expect(await json(await outcome())).to.deep.equal({ status: 201, body: order });
      expect((await internal('/internal/orders/undo', { key })).status).to.equal(204);
      expect(await status(order.id)).to.equal(undefined);
      const late = await post('/api/orders', body, { 'idempotency-key': key });
      await expectProblem(late, 409, 'STEP_CANCELLED');
    });

    it('refuses requests from outside', async () => {
      for (const path of ['confirm', 'confirm/undo', 'undo']) {
        await expectProblem(await post(`/internal/orders/${path}`, { key: 'a' }), 404, 'ROUTE_NOT_FOUND');
      }
    });
  });
});
