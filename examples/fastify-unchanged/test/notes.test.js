// The mounted application, as a client sees it, without a socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

let app;
before(async () => {
  app = await createTestApp({ config: new URL('../multilane.config.js', import.meta.url) });
});
after(() => app?.close());

test('the application has its plugins, hooks and schemas', async () => {
  const note = await app.inject('/api/notes/1');
  assert.deepEqual([note.json(), note.headers['x-served-by']], [{ id: 1, text: 'first' }, 'fastify']);
  assert.equal((await app.inject('/api/notes/x')).json().code, 'FST_ERR_VALIDATION');
});

test('native routes win, and limits hold around the application', async () => {
  assert.equal((await app.inject('/api/moved/7')).json().servedBy, 'a native route');
  const statuses = [];
  for (let sent = 0; sent < 3; sent++) statuses.push((await app.inject('/api/notes/2')).status);
  assert.deepEqual(statuses, [404, 404, 429]);
});
