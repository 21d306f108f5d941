// Tests of requests without a socket, through the same pipeline as in production.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp, type TestApp } from 'multilane/testing';

let app: TestApp;
before(async () => {
  app = await createTestApp({ config: new URL('../multilane.config.ts', import.meta.url) });
});
after(() => app?.close());

test('GET /hello/:name greets', async () => {
  const response = await app.inject({ path: '/hello/Ada', query: { language: 'de' } });
  assert.equal(response.status, 200);
  assert.deepEqual(response.json(), { greeting: 'Hallo, Ada!' });
});

test('POST /hello greets the visitor of the body', async () => {
  const response = await app.inject({
    method: 'POST',
    path: '/hello',
    json: { name: 'Ada', language: 'es' },
  });
  assert.equal(response.status, 201);
  assert.deepEqual(response.json(), { greeting: 'Hola, Ada!' });
});

test('POST /hello refuses a body without a name', async () => {
  const response = await app.inject({ method: 'POST', path: '/hello', json: { name: '' } });
  assert.equal(response.status, 422);
  assert.equal(response.json<{ code: string }>().code, 'VALIDATION_FAILED');
});

test('GET /primes/:limit counts on the CPU pool', async () => {
  const response = await app.inject('/primes/100');
  assert.deepEqual(response.json(), { count: 25 });
});

test('an unknown path gets a problem document', async () => {
  const response = await app.inject('/unknown');
  assert.equal(response.status, 404);
  assert.equal(response.json<{ code: string }>().code, 'ROUTE_NOT_FOUND');
});
