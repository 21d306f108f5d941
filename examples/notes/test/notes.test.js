// Tests of the service on a temporary PostgreSQL, without a socket. Each run makes and drops its database.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp, startPostgres } from 'multilane/testing';
import { idBefore } from '../services/notes/rules.js';

let postgres;
let app;
before(async () => {
  // A server that is there already is used by its URL; otherwise one is started.
  const { TEST_DATABASE_URL } = process.env;
  if (TEST_DATABASE_URL === undefined) postgres = await startPostgres();
  const config = new URL('../multilane.config.js', import.meta.url);
  app = await createTestApp({ config, databaseUrl: TEST_DATABASE_URL ?? postgres.url });
});
after(async () => {
  await app?.close();
  await postgres?.stop();
});

const write = (json, key) => {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  return app.inject({ method: 'POST', path: '/api/notes', json, headers });
};
const count = async () => (await app.database('notes').one('select count(*)::int as n from note')).n;

test('a note can be written, read, changed and removed', async () => {
  const written = await write({ title: 'Milk', text: 'Two bottles' });
  assert.equal(written.status, 201);
  const path = written.headers.location;
  assert.deepEqual((await app.inject(path)).json(), written.json());

  const changed = await app.inject({ method: 'PATCH', path, json: { text: 'Three' } });
  assert.deepEqual(changed.json(), { ...written.json(), text: 'Three' });

  assert.equal((await app.inject({ method: 'DELETE', path })).status, 204);
  assert.equal((await app.inject(path)).status, 404);
});

test('a request that is repeated with its key writes one note', async () => {
  const before = await count();
  const [first, second] = await Promise.all([
    write({ title: 'Once' }, 'k-1'),
    write({ title: 'Once' }, 'k-1'),
  ]);
  assert.deepEqual(second.json(), first.json());
  assert.equal(await count(), before + 1);
  assert.equal((await write({ title: 'Other' }, 'k-1')).json().code, 'IDEMPOTENCY_KEY_REUSED');
});

test('pages follow one another by their cursors, also when notes are written meanwhile', async () => {
  await app.database('notes').query('delete from note');
  for (const title of ['one', 'two', 'three']) await write({ title });
  const first = (await app.inject('/api/notes?limit=2')).json();
  assert.deepEqual(titles(first), ['three', 'two']);
  await write({ title: 'four' });
  const second = (
    await app.inject({ path: '/api/notes', query: { limit: 2, cursor: first.nextCursor } })
  ).json();
  assert.deepEqual([titles(second), second.nextCursor], [['one'], null]);
});
const titles = ({ items }) => items.map(({ title }) => title);

test('a merge changes one note and removes the other, or does nothing', async () => {
  const [milk, eggs] = [
    (await write({ title: 'Milk' })).json(),
    (await write({ title: 'Eggs', text: 'six' })).json(),
  ];
  const merge = (id, from) => app.inject({ method: 'POST', path: `/api/notes/${id}/merge`, json: { from } });
  assert.equal((await merge(999_999, eggs.id)).status, 404);
  assert.equal((await app.inject(`/api/notes/${eggs.id}`)).status, 200);
  assert.equal((await merge(milk.id, milk.id)).json().code, 'SAME_NOTE');

  assert.equal((await merge(milk.id, eggs.id)).json().text, '\nsix');
  assert.equal((await app.inject(`/api/notes/${eggs.id}`)).status, 404);
});

test('input that does not match is refused, with the path of each fault', async () => {
  const faults = async (response) => (await response).json().errors.map(({ path }) => path);
  assert.deepEqual(await faults(write({ title: '', text: 7 })), ['/title', '/text']);
  assert.deepEqual(await faults(app.inject('/api/notes?limit=1000')), ['/limit']);
  assert.equal((await app.inject('/api/notes?cursor=bm90ZSAxZTM')).json().code, 'BAD_CURSOR');
});

test('a cursor that no page contained is refused', () => {
  for (const cursor of ['', 'note 7', 'bm90ZSA3=', 'bm90ZSA5OTk5OTk5OTk5OTk5OTk5']) {
    assert.throws(() => idBefore(cursor), { code: 'BAD_CURSOR' }, cursor);
  }
});
