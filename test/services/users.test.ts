import { expect } from 'chai';
import { json, unique, uniqueEmail } from '#test/support/client.js';
import { useInProcessShop } from '#test/support/in-process-shop.js';
import { expectProblem } from '#test/support/problem.js';
import type { User } from '#test/support/shop-messages.js';

interface StoredUser {
  readonly status: number;
  readonly body: User;
}

describe('the users service', () => {
  const shop = useInProcessShop();
  afterEach(() => shop.unreachable.clear());

  const create = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    shop.request('POST', '/api/users', { json: body, headers });
  const someone = async (): Promise<User> => json(await create({ name: 'Ada', email: uniqueEmail() }), 201);
  const count = async (email: string): Promise<number> =>
    (await shop.rows('users', 'select 1 from users where lower(email) = lower($1)', [email])).length;

  it('creates a user and returns its location', async () => {
    const email = uniqueEmail();
    const response = await create({ name: 'Žofie 🛒', email });
    const user = await json<User>(response, 201);
    expect(response.headers.get('location')).to.equal(`/api/users/${user.id}`);
    expect(user).to.have.all.keys('id', 'name', 'email', 'createdAt');
    expect(user).to.include({ name: 'Žofie 🛒', email });
    expect(new Date(user.createdAt).toISOString()).to.equal(user.createdAt);
  });

  it('keeps e-mail addresses unique whatever their case, also when ten requests arrive at once', async () => {
    const email = uniqueEmail();
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        create({ name: 'Ada', email: i % 2 === 0 ? email : email.toUpperCase() }),
      ),
    );
    const refused = responses.filter(({ status }) => status !== 201);
    expect(refused).to.have.length(9);
    for (const response of refused) await expectProblem(response, 409, 'EMAIL_TAKEN');
    expect(await count(email)).to.equal(1);
  });

  const email = 'a@example.com';
  const invalid: [string, unknown, string][] = [
    ['no name', { email }, '/name'],
    ['an empty name', { name: '', email }, '/name'],
    ['a name of 201 characters', { name: '🛒'.repeat(201), email }, '/name'],
    ['a name with U+0000, which PostgreSQL cannot hold', { name: 'a\u0000b', email }, '/name'],
    ['a name with half a surrogate pair', { name: '\ud83d', email }, '/name'],
    ['no e-mail', { name: 'Ada' }, '/email'],
    ['an e-mail without @', { name: 'Ada', email: 'ada' }, '/email'],
    ['an e-mail of 255 characters', { name: 'Ada', email: `${'x'.repeat(243)}@example.com` }, '/email'],
    ['an e-mail with a line end', { name: 'Ada', email: 'a@example.com\n' }, '/email'],
  ];
  for (const [what, body, path] of invalid) {
    it(`refuses ${what}, pointing at it`, async () => {
      const problem = await expectProblem(await create(body), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.deep.equal([path]);
    });
  }

  it('accepts a name of 200 characters, however many UTF-16 units they are', async () => {
    const name = '🛒'.repeat(200);
    expect((await json<User>(await create({ name, email: uniqueEmail() }), 201)).name).to.equal(name);
  });

  it('omits members from the response that are not in the schema', async () => {
    const user = await json<object>(await create({ name: 'Ada', email: uniqueEmail(), admin: true }), 201);
    expect(user).to.not.have.property('admin');
  });

  it('returns a user with the first page of orders, fetched from the orders service', async () => {
    const user = await someone();
    const path = `/api/users/${user.id}`;
    expect(await json(await shop.request('GET', path))).to.deep.equal({ ...user, orders: [] });
    const order = { userId: user.id, productId: 7, quantity: 2 };
    const made = await json<object>(await shop.request('POST', '/api/orders', { json: order }), 201);
    expect(await json(await shop.request('GET', path))).to.deep.equal({ ...user, orders: [made] });
  });

  it('responds without orders when they are not available, and reports that', async () => {
    const user = await someone();
    shop.unreachable.add('orders');
    expect(await json(await shop.request('GET', `/api/users/${user.id}`))).to.deep.equal({
      ...user,
      orders: null,
      degraded: ['orders'],
    });
  });

  for (const id of ['abc', '0', '-1', '1.5', '01', '9007199254740992']) {
    it(`refuses the id ${id}`, async () => {
      await expectProblem(await shop.request('GET', `/api/users/${id}`), 422, 'VALIDATION_FAILED');
    });
  }

  it('does not find an unknown id', async () => {
    await expectProblem(await shop.request('GET', '/api/users/9007199254740991'), 404, 'NOT_FOUND');
  });

  describe('with an Idempotency-Key', () => {
    it('creates once, and repeats the response', async () => {
      const body = { name: 'Ada', email: uniqueEmail() };
      const headers = { 'idempotency-key': unique('user') };
      const first = await create(body, headers);
      const user = await json<User>(first, 201);
      const second = await create({ email: body.email, name: body.name }, headers);
      expect(await json<User>(second, 201)).to.deep.equal(user);
      expect(second.headers.get('location')).to.equal(first.headers.get('location'));
      expect(await count(body.email)).to.equal(1);
    });

    it('repeats a refusal, also when its reason is gone', async () => {
      const other = await someone();
      const body = { name: 'Bob', email: other.email };
      const headers = { 'idempotency-key': unique('user') };
      await expectProblem(await create(body, headers), 409, 'EMAIL_TAKEN');
      await shop.rows('users', 'delete from users where id = $1 returning id', [other.id]);
      await expectProblem(await create(body, headers), 409, 'EMAIL_TAKEN');
      expect(await count(other.email)).to.equal(0);
    });

    it('refuses the same key with another body', async () => {
      const headers = { 'idempotency-key': unique('user') };
      await json(await create({ name: 'Ada', email: uniqueEmail() }, headers), 201);
      const response = await create({ name: 'Ada', email: uniqueEmail() }, headers);
      await expectProblem(response, 422, 'IDEMPOTENCY_KEY_REUSED');
    });

    for (const [what, key] of [
      ['256 characters', 'k'.repeat(256)],
      ['a space', 'a b'],
      ['a letter beyond ASCII', 'é'],
      ['no characters', ''],
    ] as const) {
      it(`refuses a key of ${what}`, async () => {
        const body = { name: 'Ada', email: uniqueEmail() };
        const problem = await expectProblem(
          await create(body, { 'idempotency-key': key }),
          422,
          'VALIDATION_FAILED',
        );
        expect(problem.errors?.[0]?.path).to.equal('/idempotency-key');
        expect(await count(body.email)).to.equal(0);
      });
    }
  });

  describe('between services', () => {
    const internal = (method: string, url: string, body?: unknown): Promise<Response> =>
      shop.request(method, url, { inProcess: true, ...(body === undefined ? {} : { json: body }) });
    const outcome = (key: string): Promise<Response> =>
      internal('GET', `/internal/users/outcome?key=${encodeURIComponent(key)}`);

    it('returns the stored response of a key', async () => {
      const key = unique('saga/step');
      await expectProblem(await outcome(key), 404, 'NOT_FOUND');
      const body = { name: 'Ada', email: uniqueEmail() };
      const user = await json<User>(await create(body, { 'idempotency-key': key }), 201);
      expect(await json<StoredUser>(await outcome(key))).to.deep.equal({ status: 201, body: user });
    });

    it('undoes a creation by its key, once', async () => {
      const key = unique('saga/step');
      const body = { name: 'Ada', email: uniqueEmail() };
      await json(await create(body, { 'idempotency-key': key }), 201);
      for (let time = 0; time < 2; time++) {
        expect((await internal('POST', '/internal/users/undo', { key })).status).to.equal(204);
      }
      expect(await count(body.email)).to.equal(0);
      await expectProblem(await create(body, { 'idempotency-key': key }), 409, 'STEP_CANCELLED');
      await expectProblem(await outcome(key), 404, 'NOT_FOUND');
    });

    it('refuses a call whose undo came first', async () => {
      const key = unique('saga/step');
      expect((await internal('POST', '/internal/users/undo', { key })).status).to.equal(204);
      const body = { name: 'Ada', email: uniqueEmail() };
      await expectProblem(await create(body, { 'idempotency-key': key }), 409, 'STEP_CANCELLED');
      expect(await count(body.email)).to.equal(0);
    });

    it('refuses requests from outside', async () => {
      const undo = { json: { key: unique('saga/step') } };
      await expectProblem(await shop.request('POST', '/internal/users/undo', undo), 404, 'ROUTE_NOT_FOUND');
      await expectProblem(await shop.request('GET', '/internal/users/outcome?key=a'), 404, 'ROUTE_NOT_FOUND');
    });
  });
});
