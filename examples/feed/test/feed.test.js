// The feed on a temporary PostgreSQL. Another process is an entry that is stored without a request to this one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp, startPostgres } from 'multilane/testing';
import { insertEntry } from '../store.js';

let postgres;
let app;
before(async () => {
  // A server that is there already is used by its URL; otherwise one is started.
  const { TEST_DATABASE_URL } = process.env;
  if (TEST_DATABASE_URL === undefined) postgres = await startPostgres();
  const config = new URL('../multilane.config.js', import.meta.url);
  // The process refuses requests that queue on a busy machine; a test of many at once must not depend on that.
  const settings = { adaptiveLimit: 'off' };
  app = await createTestApp({ config, settings, databaseUrl: TEST_DATABASE_URL ?? postgres.url });
});
after(async () => {
  await app?.close();
  await postgres?.stop();
});

const add = (text) => app.inject({ method: 'POST', path: '/entries', json: { text } });

/** Reads a feed until it has a number of entries. @param meanwhile called when the feed has begun */
async function read(headers, count, meanwhile) {
  const { body } = await app.stream({ path: '/feed', headers });
  let text = '';
  for await (const piece of body) {
    if (text === '') await meanwhile?.();
    text += piece;
    const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json).text);
    if (data.length >= count) return data;
  }
}

test('a client that was disconnected gets what it has missed, and then what is new', async () => {
  const { id } = (await add('seen')).json();
  await add('missed');
  const live = () => add('live');
  assert.deepEqual(await read({ 'last-event-id': String(id) }, 2, live), ['missed', 'live']);
});

test('an entry of another process arrives as well', async () => {
  const { id } = (await add('before')).json();
  const elsewhere = () => insertEntry(app.database('feed'), 'elsewhere');
  assert.deepEqual(await read({ 'last-event-id': String(id) }, 1, elsewhere), ['elsewhere']);
});

test('entries that are added at the same time have ids without a gap', async () => {
  const added = await Promise.all(Array.from({ length: 20 }, () => add('x')));
  for (const one of added) assert.equal(one.status, 201, one.text());
  const ids = added.map((one) => one.json().id).sort((a, b) => a - b);
  assert.equal(ids.at(-1) - ids[0], 19);
});

test('an empty entry is refused', async () => {
  assert.equal((await add('')).status, 422);
});
