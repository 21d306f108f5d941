import { expect } from 'chai';
import { get, json, post, unique, uniqueEmail } from '#test/support/client.js';
import { expectProblem } from '#test/support/problem.js';
import type { Order, User } from '#test/support/shop-messages.js';
import { useSharedShop } from './shop.js';

describe('the users service', () => {
  const shop = useSharedShop();
  const users = (): string => `${shop.url}/api/users`;
  const create = async (): Promise<User> =>
    json(await post(users(), { name: 'Ada', email: uniqueEmail() }), 201);

  it('creates a user and responds with 201, its Location and the user', async () => {
    const email = uniqueEmail();
    const response = await post(users(), { name: 'Žofie 🛒', email });
    const user = await json<User>(response.clone(), 201);
    expect(response.headers.get('content-type')).to.match(/^application\/json(; ?charset=utf-8)?$/i);
    expect(response.headers.get('location')).to.match(new RegExp(`/api/users/${user.id}$`));
    expect(user).to.have.all.keys('id', 'name', 'email', 'createdAt');
    expect(user).to.include({ name: 'Žofie 🛒', email });
    expect(new Date(user.createdAt).toISOString()).to.equal(user.createdAt);
    const rows = await shop.sql.query('users', 'select id, name, email from users where id = $1', [user.id]);
    expect(rows).to.have.length(1);
  });

  it('refuses an e-mail that is taken, without regard to case', async () => {
    const email = uniqueEmail();
    await json(await post(users(), { name: 'Ada', email }), 201);
    await expectProblem(await post(users(), { name: 'Bob', email: email.toUpperCase() }), 409, 'EMAIL_TAKEN');
  });

  it('returns a user with the orders that the orders service has for it', async () => {
    const user = await create();
    const first = await json<User & { orders: Order[] }>(await get(`${users()}/${user.id}`));
    expect(first).to.deep.equal({ ...user, orders: [] });
    const order = await json<Order>(
      await post(`${shop.url}/api/orders`, { userId: user.id, productId: 7, quantity: 2 }),
      201,
    );
    const second = await json<User & { orders: Order[] }>(await get(`${users()}/${user.id}`));
    expect(second.orders).to.deep.equal([order]);
    expect(second).to.not.have.property('degraded');
  });

  it('responds to HEAD as to GET, without the body', async () => {
    const user = await create();
    const full = await get(`${users()}/${user.id}`);
    const head = await fetch(`${users()}/${user.id}`, { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(head.headers.get('content-length')).to.equal(`${(await full.arrayBuffer()).byteLength}`);
    expect(await head.text()).to.equal('');
  });

  for (const id of ['abc', '0', '-1', '1.5', '1e3', '9007199254740992', '%00']) {
    it(`refuses the id "${id}" with 422`, async () => {
      await expectProblem(await get(`${users()}/${id}`), 422, 'VALIDATION_FAILED');
    });
  }

  it('responds 404 to an unknown id', async () => {
    await expectProblem(await get(`${users()}/9007199254740991`), 404, 'NOT_FOUND');
  });

  const long = (length: number): string => 'x'.repeat(length);
  const invalid: [string, unknown, string][] = [
    ['no name', { email: 'a@example.com' }, '/name'],
    ['an empty name', { name: '', email: 'a@example.com' }, '/name'],
    ['a name of 201 characters', { name: long(201), email: 'a@example.com' }, '/name'],
    ['a name that is a number', { name: 5, email: 'a@example.com' }, '/name'],
    ['no e-mail', { name: 'Ada' }, '/email'],
    ['an e-mail without @', { name: 'Ada', email: 'no-address' }, '/email'],
    ['an e-mail of 255 characters', { name: 'Ada', email: `${long(243)}@example.com` }, '/email'],
  ];
  for (const [what, body, path] of invalid) {
    it(`refuses ${what} with a pointer to it`, async () => {
      const problem = await expectProblem(await post(users(), body), 422, 'VALIDATION_FAILED');
      expect(problem.errors?.map((error) => error.path)).to.include(path);
      for (const error of problem.errors ?? [])
        expect(error.message).to.be.a('string').with.length.greaterThan(0);
    });
  }

  it('accepts a name of 200 characters and an e-mail of 254', async () => {
    const email = `${crypto.randomUUID()}${long(254 - 36 - 12)}@example.com`;
    expect(email).to.have.length(254);
    await json(await post(users(), { name: '🛒'.repeat(200), email }), 201);
  });

  it('has one effect for one Idempotency-Key, and repeats the same response', async () => {
    const body = { name: 'Ada', email: uniqueEmail() };
    const headers = { 'idempotency-key': unique('user') };
    const responses = await Promise.all([1, 2, 3].map(() => post(users(), body, headers)));
    const created = responses.filter((response) => response.status === 201);
    expect(created, 'at least one 201').to.have.length.greaterThan(0);
    const again = await json<User>(await post(users(), body, headers), 201);
    for (const response of created) expect(await response.json()).to.deep.equal(again);
    const rows = await shop.sql.query('users', 'select 1 from users where email = $1', [body.email]);
    expect(rows).to.have.length(1);
    await expectProblem(
      await post(users(), { ...body, name: 'Bob' }, headers),
      422,
      'IDEMPOTENCY_KEY_REUSED',
    );
  });
});
