// The service without a socket: `multilane/testing` puts requests through the pipeline of the process.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

const config = new URL('../multilane.config.js', import.meta.url);
let app;
before(async () => {
  app = await createTestApp({ config });
});
after(() => app.close());

test('greets by path and query', async () => {
  const answer = await app.inject('/hello/ada%20b?q=1');
  assert.deepEqual(answer.json(), { hello: 'ada b', q: '1' });
});

test('takes a valid item with its header, and says what is wrong with another', async () => {
  const post = (json) => app.inject({ method: 'POST', path: '/items', json });
  const made = await post({ name: 'pen', price: 3 });
  assert.deepEqual(
    [made.status, made.headers['x-price'], made.json()],
    [201, '3', { name: 'pen', price: 3 }],
  );
  const refused = await post({ name: '', price: 3 });
  assert.equal(refused.status, 422);
  assert.deepEqual(
    refused.json().errors.map(({ path }) => path),
    ['/name'],
  );
});

test('gives raw bytes back, up to the limit of the route', async () => {
  const raw = (body) => app.inject({ method: 'POST', path: '/raw', body });
  const body = Buffer.alloc(3_000_000, 'multilane');
  assert.ok(body.equals((await raw(body)).bytes()));
  assert.equal((await raw(Buffer.alloc(4_000_001))).json().code, 'BODY_TOO_LARGE');
});

test('runs a task on the CPU pool', async () => {
  assert.deepEqual((await app.inject('/slow')).json(), { n: 30, fib: 832_040 });
});

test('says that a service which runs nowhere has no instance', async () => {
  assert.equal((await app.inject('/orders/1')).json().code, 'NO_INSTANCE');
  assert.equal((await app.inject('/orders/x')).json().code, 'ROUTE_NOT_FOUND');
});

test('passes on what the orders service answers', async () => {
  const get = async (path) => ({ status: 404, json: () => ({ asked: path }) });
  const alone = await createTestApp({ config, deps: { demo: { call: () => ({ get }) } } });
  const answer = await alone.inject('/orders/7');
  await alone.close();
  assert.deepEqual([answer.status, answer.json()], [404, { asked: '/api/orders/7' }]);
});
