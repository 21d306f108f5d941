// Requests without a socket, through the same pipeline as in production.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

let app;
before(async () => {
  app = await createTestApp({ config: new URL('../multilane.config.js', import.meta.url) });
});
after(() => app.close());

test('GET /hello/:name greets', async () => {
  const answer = await app.inject({ path: '/hello/Ada', query: { language: 'de' } });
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.json(), { greeting: 'Hallo, Ada!' });
});

test('an unknown path is a problem document', async () => {
  const answer = await app.inject('/nobody');
  assert.equal(answer.status, 404);
  assert.equal(answer.json().code, 'ROUTE_NOT_FOUND');
});
