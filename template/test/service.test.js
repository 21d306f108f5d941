// Tests of requests without a socket, through the same pipeline as in production.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

let app;
before(async () => {
  app = await createTestApp({ config: new URL('../multilane.config.js', import.meta.url) });
});
after(() => app.close());

test('GET /hello/:name greets', async () => {
  const response = await app.inject({ path: '/hello/Ada', query: { language: 'de' } });
  assert.equal(response.status, 200);
  assert.deepEqual(response.json(), { greeting: 'Hallo, Ada!' });
});

test('an unknown path gets a problem document', async () => {
  const response = await app.inject('/unknown');
  assert.equal(response.status, 404);
  assert.equal(response.json().code, 'ROUTE_NOT_FOUND');
});
