// The mounted application, as a client sees it, without a socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

let app;
before(async () => {
  app = await createTestApp({ config: new URL('../multilane.config.js', import.meta.url) });
});
after(() => app?.close());

test('the application has its own routes, bodies and errors', async () => {
  assert.deepEqual((await app.inject('/api/notes/1')).json(), { id: 1, text: 'first' });
  const echoed = await app.inject({ method: 'POST', path: '/api/echo', json: { a: 1 } });
  assert.deepEqual([echoed.status, echoed.headers.location, echoed.json()], [201, '/api/notes/1', { a: 1 }]);
  const broken = await app.inject('/api/broken');
  assert.deepEqual([broken.status, broken.json()], [500, { error: 'as before' }]);
});

test('native routes win, and limits hold around the application', async () => {
  assert.equal((await app.inject('/api/moved/7')).json().servedBy, 'a native route');
  const statuses = [];
  for (let sent = 0; sent < 3; sent++) statuses.push((await app.inject('/api/notes/2')).status);
  assert.deepEqual(statuses, [404, 404, 429]);
});
