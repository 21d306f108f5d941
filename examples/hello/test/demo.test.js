// Tests of the service without a socket: `multilane/testing` sends requests through the pipeline of the
// process.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

const config = new URL('../multilane.config.js', import.meta.url);
let app;
before(async () => {
  app = await createTestApp({ config });
});
after(() => app?.close());

test('greets by path and query', async () => {
  const response = await app.inject('/hello/ada%20b?q=1');
  assert.deepEqual(response.json(), { hello: 'ada b', q: '1' });
});

test('accepts a valid item with its header, and reports the faults of an invalid one', async () => {
  const post = (json) => app.inject({ method: 'POST', path: '/items', json });
  const created = await post({ name: 'pen', price: 3 });
  assert.deepEqual(
    [created.status, created.headers['x-price'], created.json()],
    [201, '3', { name: 'pen', price: 3 }],
  );
  const refused = await post({ name: '', price: 3 });
  assert.equal(refused.status, 422);
  assert.deepEqual(
    refused.json().errors.map(({ path }) => path),
    ['/name'],
  );
});

test('returns raw bytes, up to the limit of the route', async () => {
  const raw = (body) => app.inject({ method: 'POST', path: '/raw', body });
  const body = Buffer.alloc(3_000_000, 'multilane');
  assert.ok(body.equals((await raw(body)).bytes()));
  assert.equal((await raw(Buffer.alloc(4_000_001))).json().code, 'BODY_TOO_LARGE');
});

test('runs a task on the CPU pool', async () => {
  assert.deepEqual((await app.inject('/slow')).json(), { n: 30, fib: 832_040 });
});

test('responds NO_INSTANCE when the orders service runs nowhere', async () => {
  assert.equal((await app.inject('/orders/1')).json().code, 'NO_INSTANCE');
  assert.equal((await app.inject('/orders/x')).json().code, 'ROUTE_NOT_FOUND');
});

test('passes on the response of the orders service', async () => {
  const get = async (path) => ({ status: 404, json: () => ({ path }) });
  const alone = await createTestApp({ config, deps: { demo: { call: () => ({ get }) } } });
  const response = await alone.inject('/orders/7');
  await alone.close();
  assert.deepEqual([response.status, response.json()], [404, { path: '/api/orders/7' }]);
});
